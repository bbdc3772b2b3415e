package report

import (
	"fmt"
	"html/template"
	"slices"
	"time"
)

// bounds are the upper ends of the bars but for the last, which has none.
var bounds = []time.Duration{
	0, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// Distribution is how long handovers took.
type Distribution struct {
	Name string
	Unit string // of what there are so many
	All  []time.Duration
}

// At is the smallest value that so many of a hundred are not above; false where there is none at all.
func (d Distribution) At(percent int) (time.Duration, bool) {
	if len(d.All) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(d.All))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)], true
}

// bars counts by bounds.
func (d Distribution) bars() []int {
	counts := make([]int, len(bounds)+1)
	for _, v := range d.All {
		at, _ := slices.BinarySearch(bounds, v)
		counts[at]++
	}
	return counts
}

// SVG draws a bar for each span of time.
func (d Distribution) SVG() template.HTML {
	const top, bottom, height = 24, 150, 186
	bars := d.bars()
	most := max(1, slices.Max(bars))
	step := float64(width-left-right) / float64(len(bars))
	var b picture
	b.open(height, d.Name)
	b.add(`<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`, left, bottom, width-right, bottom)
	b.add(`<text class="stream" x="%d" y="%d" text-anchor="end">%s</text>`, left-12, bottom, d.Unit)
	for i, n := range bars {
		x := left + float64(i)*step
		h := float64(n) / float64(most) * (bottom - top)
		if n > 0 {
			b.add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/><text x="%.1f" y="%.1f" text-anchor="middle">%d</text>`,
				x+step*.1, bottom-h, step*.8, h, x+step/2, bottom-h-5, n)
		}
		b.add(`<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x+step/2, bottom+16, barLabel(i))
	}
	return b.close()
}

func barLabel(i int) string {
	switch {
	case i == 0:
		return "none"
	case i == len(bounds):
		return "> " + span(bounds[i-1])
	}
	return "≤ " + span(bounds[i])
}

func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
