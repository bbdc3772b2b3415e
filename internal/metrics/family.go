package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Type is a metric's type, as Prometheus calls it.
type Type string

// The types that are used here.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

// Family is one metric with all its labels' values.
type Family struct {
	Name   string
	Type   Type
	Labels []string
	Help   string
}

// families are all of ours, in the order of their declaration.
var families []*Family

func family(t Type, name, help string, labels ...string) *Family {
	f := &Family{Name: name, Type: t, Labels: labels, Help: help}
	families = append(families, f)
	return f
}

// Families returns all metrics of mip6d's own, by name: those of the Go runtime and
// of the process come besides.
func Families() []Family {
	var list []Family
	for _, f := range families {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b Family) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

func (f *Family) desc() *prometheus.Desc { return prometheus.NewDesc(f.Name, f.Help, f.Labels, nil) }

func (f *Family) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

func (f *Family) histogram(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}, f.Labels)
}
