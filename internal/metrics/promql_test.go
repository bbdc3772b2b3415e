package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selector is a metric as a PromQL expression uses it.
type selector struct {
	name    string
	matches []match
}

type match struct{ label, op, value string }

// query is what of a PromQL expression depends on names of ours: no grammar.
// promtool checks that (make test-prometheus).
type query struct {
	selectors []selector
	grouped   []string // labels in by, without, on, ignoring, group_left, group_right
}

var (
	tokens  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|\[[^\]]*\]|[0-9][0-9a-zA-Z.]*|=~|!~|!=|==|>=|<=|\S`)
	word    = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	groups  = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	keyword = []string{"and", "or", "unless", "bool", "offset", "inf", "nan"}
)

// parseQuery reads an expression.
func parseQuery(expr string) (q query, err error) {
	list := tokens.FindAllString(expr, -1)
	at := func(i int) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	for i := 0; i < len(list); i++ {
		switch tok := list[i]; {
		case !word.MatchString(tok) || slices.Contains(keyword, strings.ToLower(tok)):
		case slices.Contains(groups, tok):
			if at(i+1) != "(" {
				continue
			}
			for i += 2; at(i) != ")"; i++ {
				if at(i) == "" {
					return q, fmt.Errorf("%s has no end", tok)
				}
				if at(i) != "," {
					q.grouped = append(q.grouped, at(i))
				}
			}
		case at(i+1) == "(" || at(i+1) == "by" || at(i+1) == "without": // a function, an aggregation
		default:
			s := selector{name: tok}
			if at(i+1) == "{" {
				for i += 2; at(i) != "}"; {
					if at(i) == "," {
						i++
						continue
					}
					if at(i+2) == "" {
						return q, fmt.Errorf("{ after %s has no end", tok)
					}
					s.matches = append(s.matches, match{at(i), at(i + 1), strings.Trim(at(i+2), `"`)})
					i += 3
				}
			}
			q.selectors = append(q.selectors, s)
		}
	}
	return q, nil
}

func TestParseQuery(t *testing.T) {
	got, err := parseQuery(`histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{x="1",y!~"p|q"}[5m]))) > 2 * on (z) b offset 5m and sum(c) > 1e3`)
	if err != nil {
		t.Fatal(err)
	}
	want := query{
		selectors: []selector{{"a_bucket", []match{{"x", "=", "1"}, {"y", "!~", "p|q"}}}, {"b", nil}, {"c", nil}},
		grouped:   []string{"job", "le", "z"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(query{}, selector{}, match{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, bad := range []string{`a{x="1"`, `sum by (x`} {
		if _, err := parseQuery(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
