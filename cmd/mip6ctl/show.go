package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newShowCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Bindings, interfaces and counters"}
	group(cmd)
	cmd.AddCommand(
		listing(o, "bindings", "The binding cache of a home agent or correspondent node", (*ctl.Client).Bindings, printBindings, bindingLister),
		listing(o, "bul", "A mobile node's Binding Update List, with its correspondents", (*ctl.Client).BUL, printBUL, updateLister),
		question(o, "home-agents", "The home agents of a home agent's links", (*ctl.Client).HomeAgents, printHomeAgents),
		listing(o, "groups", "Multicast groups that mobile nodes listen to by a home agent", (*ctl.Client).Groups, printGroups, groupLister),
		question(o, "nonces", "A correspondent node's nonces: indices and ages", (*ctl.Client).Nonces, printNonces),
		question(o, "interfaces", "The interfaces that mip6d works with", (*ctl.Client).Interfaces, printInterfaces),
		question(o, "ipsec", "The policies and security associations that are mip6d's own, never their keys", (*ctl.Client).IPsec, printIPsec),
		question(o, "stats", "Everything that is counted", (*ctl.Client).Stats, printStats),
	)
	return cmd
}

func printBindings(w page, list []ctl.Binding) {
	heads := []string{"HOME ADDRESS", "CARE-OF", "TYPE", "WITH", "LINK", "STATE", "AUTH", "SEQ", "LIFETIME", "LEFT", "MOVES", "+SINCE", "+EXPIRES", "+LINK-LOCAL", "+ROUTE OPTIMISATION"}
	rows := make([][]string, len(list))
	for i, b := range list {
		auth, with := "none", b.HomeAgent
		switch {
		case b.IPsec:
			auth = "ipsec"
		case b.Authenticated:
			auth = "key"
		}
		if b.Type == ctl.BindingCorrespondent {
			auth, with = "tests", b.Local
		}
		rows[i] = []string{
			addr(b.HomeAddress), addr(b.CareOf), word(b.Type), addr(with), word(b.Interface), word(b.State), auth,
			strconv.Itoa(int(b.Sequence)), span(b.Lifetime), span(b.Remaining), strconv.FormatUint(b.Moves, 10),
			moment(b.Created), moment(b.Expires), addr(b.LinkLocal), optimisation(b),
		}
	}
	printTable(w, "No bindings.", heads, rows)
	printNetworks(w, list)
	rows = nil
	for _, b := range list {
		if b.IPv4HomeAddress.IsValid() {
			rows = append(rows, []string{addr(b.HomeAddress), addr(b.IPv4HomeAddress)})
		}
	}
	printIPv4(w, rows)
}

// optimisation says whether a home agent lets its mobile node have direct paths.
func optimisation(b ctl.Binding) string {
	switch {
	case b.Type == ctl.BindingCorrespondent:
		return "-"
	case b.NoRouteOptimization:
		return "denied"
	}
	return "allowed"
}

// printIPv4 shows IPv4 home addresses, where there are any.
func printIPv4(w page, rows [][]string) {
	if len(rows) > 0 {
		fmt.Fprintln(w)
		printTable(w, "", []string{"HOME ADDRESS", "IPV4 HOME ADDRESS"}, rows)
	}
}

// printNetworks shows who has networks behind it, and who is behind another.
func printNetworks(w page, list []ctl.Binding) {
	var rows [][]string
	for _, b := range list {
		if len(b.MobilePrefixes)+len(b.Behind) > 0 {
			rows = append(rows, []string{addr(b.HomeAddress), texts(b.MobilePrefixes), strconv.Itoa(b.Depth), texts(b.Behind)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		printTable(w, "", []string{"HOME ADDRESS", "MOBILE NETWORKS", "DEPTH", "BEHIND"}, rows)
	}
}

// texts are the elements of a list, or a dash.
func texts[T fmt.Stringer](list []T) string {
	var all []string
	for _, x := range list {
		all = append(all, x.String())
	}
	return words(all)
}

func printBUL(w page, list []ctl.BindingUpdate) {
	heads := []string{"HOME ADDRESS", "HOME AGENT", "STATE", "CARE-OF", "INTERFACE", "BINDING", "SEQ", "LEFT", "NEXT", "LAST STATUS", "+LIFETIME", "+MOBILE NETWORKS"}
	rows := make([][]string, len(list))
	for i, b := range list {
		next, status := "-", "-"
		if b.Next > 0 {
			next = span(b.Next)
		}
		if b.LastStatus != nil {
			status = fmt.Sprintf("%d %s", *b.LastStatus, plain(b.LastStatusIs))
		}
		rows[i] = []string{
			b.HomeAddress.String(), addr(b.HomeAgent), pathState(b), addr(b.CareOf), word(b.Interface),
			bindingState(b), strconv.Itoa(int(b.Sequence)), span(b.Remaining), next, status,
			span(b.Lifetime), texts(b.MobilePrefixes),
		}
	}
	printTable(w, "No home addresses.", heads, rows)
	rows = nil
	for _, b := range list {
		switch {
		case b.IPv4HomeAddress.IsValid():
			rows = append(rows, []string{b.HomeAddress.String(), addr(b.IPv4HomeAddress)})
		case b.IPv4Refused != "":
			rows = append(rows, []string{b.HomeAddress.String(), "none: " + plain(b.IPv4Refused)})
		}
	}
	printIPv4(w, rows)
	printCorrespondents(w, list)
}

// pathState tells the way of packets too where it isn't what the state says.
func pathState(b ctl.BindingUpdate) string {
	switch {
	case b.State == "away" && b.Mode == "tunnelled", b.State == b.Mode, b.Mode == "":
		return word(b.State)
	}
	return word(b.State) + ", " + b.Mode
}

func bindingState(b ctl.BindingUpdate) string {
	state := "none"
	if b.Registered {
		state = "registered"
		if b.BoundCareOf.IsValid() && b.BoundCareOf != b.CareOf {
			state = "at " + b.BoundCareOf.String()
		}
	}
	switch {
	case b.Refused:
		state += ", refused"
	case b.Waiting && b.Retries > 0:
		state += fmt.Sprintf(", waiting (try %d)", b.Retries+1)
	case b.Waiting:
		state += ", waiting"
	}
	return state
}

func printNonces(w page, list []ctl.Nonce) {
	rows := make([][]string, len(list))
	for i, n := range list {
		rows[i] = []string{strconv.Itoa(int(n.Index)), span(n.Age), span(n.Remaining)}
	}
	printTable(w, "No nonces: nobody has asked for a token of late.", []string{"INDEX", "AGE", "LEFT"}, rows)
}

func printHomeAgents(w page, list []ctl.HomeAgent) {
	rows := make([][]string, len(list))
	for i, a := range list {
		router, serves, left := addr(a.Router), "mobile nodes", span(a.Remaining)
		if a.Self {
			router, left = "this one", "-"
		}
		if a.MobileRouters {
			serves += ", routers"
		}
		if a.Draining {
			serves = "nobody new"
		}
		rows[i] = []string{word(a.Interface), router, strconv.Itoa(int(a.Preference)), serves, left, texts(a.Addresses)}
	}
	printTable(w, "No home links.", []string{"LINK", "HOME AGENT", "PREF", "SERVES", "LEFT", "ADDRESSES"}, rows)
}

func printGroups(w page, list []ctl.Group) {
	rows := make([][]string, len(list))
	for i, g := range list {
		sources := "any"
		if len(g.Sources) > 0 {
			sources = texts(g.Sources)
		}
		rows[i] = []string{
			addr(g.Group), word(g.Interface), addr(g.HomeAddress), addr(g.CareOf), sources, "v" + strconv.Itoa(g.MLD), span(g.Age), span(g.Remaining),
		}
	}
	heads := []string{"GROUP", "LINK", "HOME ADDRESS", "CARE-OF", "SOURCES", "MLD", "AGE", "LEFT"}
	printTable(w, "No mobile node listens to a multicast group by this home agent.", heads, rows)
}

func printInterfaces(w page, list []ctl.Interface) {
	heads := []string{"INTERFACE", "USE", "STATE", "PREF", "ADDRESS", "ROUTER", "PREFIX", "VALID"}
	var rows [][]string
	for _, f := range list {
		var addresses, routers [][]string
		for _, a := range f.Addresses {
			addresses = append(addresses, []string{addressText(a)})
		}
		for _, r := range f.Routers {
			routers = append(routers, routerRows(r)...)
		}
		pref := "-"
		if f.Use == ctl.UseMobile {
			pref = strconv.Itoa(f.Preference)
		}
		head := []string{f.Name, strings.ReplaceAll(f.Use, "_", " "), interfaceState(f), pref}
		for i := range max(len(addresses), len(routers), 1) {
			row := slices.Concat(cells(head, i == 0, 4), at(addresses, i, 1), at(routers, i, 3))
			rows = append(rows, row)
		}
	}
	printTable(w, "No interfaces.", heads, rows)
}

func interfaceState(f ctl.Interface) string {
	state := f.State
	switch {
	case f.Ifindex == 0:
		state = "absent"
	case state == "" && f.Up:
		state = "up"
	case state == "":
		state = "down"
	}
	if f.Active {
		state += ", active"
	}
	return state
}

func addressText(a ctl.InterfaceAddress) string {
	text := a.Address.String()
	switch {
	case a.Use == ctl.AddressOld:
		text += " (old)"
	case a.Use == ctl.AddressDuplicate:
		text += " (duplicate)"
	case !a.Ready:
		text += " (tentative)"
	}
	return text
}

// routerRows has one row for each prefix of a router.
func routerRows(r ctl.Router) [][]string {
	name := r.Address.String()
	if r.HomeAgent {
		name += " (home agent)"
	}
	if r.Shared {
		name += " (shares load)"
	}
	rows := make([][]string, max(len(r.Prefixes), 1))
	for i := range rows {
		rows[i] = []string{"", "", ""}
		if i < len(r.Prefixes) {
			rows[i][1], rows[i][2] = r.Prefixes[i].Prefix.String(), span(r.Prefixes[i].Valid)
		}
	}
	rows[0][0] = name
	return rows
}

// cells is row, or as many empty cells.
func cells(row []string, show bool, n int) []string {
	if show {
		return row
	}
	return make([]string, n)
}

// at is row i, or as many empty cells where there is none.
func at(rows [][]string, i, n int) []string {
	if i < len(rows) {
		return rows[i]
	}
	return make([]string, n)
}

func printStats(w page, s ctl.Stats) {
	var rows [][]string
	for _, part := range []map[string]uint64{s.Counters, s.DataPath} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			rows = append(rows, []string{name, strconv.FormatUint(part[name], 10)})
		}
	}
	printTable(w, "Nothing was counted yet.", []string{"COUNTER", "VALUE"}, rows)
}
