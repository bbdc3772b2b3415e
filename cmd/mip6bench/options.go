package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"mip6d/internal/loadgen"
)

// options is what the command line says.
type options struct {
	population    loadgen.Population
	generator     loadgen.Options
	phases        []phase
	rate          float64
	window        int
	mixedFor      time.Duration
	share         float64
	keyFile       string
	json          bool
	configuration bool
}

// phase is what all mobile nodes do: one kind of registration, or a mixture.
type phase struct {
	kind  loadgen.Kind
	mixed bool
}

// parse reads the command line, and the key's file. An error is for people; the
// flags' own have been told them already.
func parse(args []string, errOut io.Writer) (options, error) {
	var o options
	p, auth := &o.population, &loadgen.Auth{Replay: loadgen.ReplayTimestamp}
	var spi uint
	var ifname, phases string
	f := flag.NewFlagSet("mip6bench", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.TextVar(&p.HomeAgent, "home-agent", netip.Addr{}, "the home agent's `address`")
	f.TextVar(&p.First, "first-home", netip.Addr{}, "home `address` of the first mobile node; the others' follow")
	f.Func("care-of", "`prefix` of all care-of addresses, at most 64 bits, which the network routes here", func(s string) (err error) {
		p.CareOf, err = netip.ParsePrefix(s)
		return err
	})
	f.IntVar(&p.Nodes, "nodes", 1000, "mobile nodes")
	f.IntVar(&p.Routers, "routers", 0, "how many of them, the last ones, are mobile routers (RFC 3963)")
	f.DurationVar(&p.Lifetime, "lifetime", time.Hour, "that bindings are asked for")
	f.StringVar(&o.keyFile, "key-file", "", "the key of all mobile nodes, in hexadecimal (RFC 4285); without it nothing is authenticated")
	f.UintVar(&spi, "spi", 256, "the mobility SPI")
	f.Func("replay", "replay protection: timestamp (the default) or sequence", func(s string) error {
		auth.Replay = loadgen.Replay(s)
		return nil
	})
	f.BoolVar(&auth.MNID, "mn-id", false, "with a Mobile Node Identifier, the home address's octets in hexadecimal (RFC 4283)")
	f.StringVar(&phases, "phases", "first,refresh,care_of_change,deregistration", "what all mobile nodes do, one after the other; mixed is refreshes and care-of changes")
	f.DurationVar(&o.mixedFor, "mixed-for", time.Minute, "how long that lasts")
	f.Float64Var(&o.share, "share", 0.25, "of care-of changes in it")
	f.Float64Var(&o.rate, "rate", 0, "registrations that begin in a second, answered or not; 0: as fast as they are answered")
	f.IntVar(&o.window, "window", 64, "how many are under way with -rate 0")
	f.DurationVar(&o.generator.Patience, "patience", 10*time.Second, "a registration not acknowledged for so long is lost")
	f.BoolVar(&o.generator.NoResend, "no-resend", false, "do not retransmit meanwhile")
	f.Uint64Var(&o.generator.Seed, "seed", 1, "of the random times at which registrations begin")
	f.StringVar(&ifname, "interface", "", "`name` of the interface on which acknowledgements come; any without it")
	f.BoolVar(&o.json, "json", false, "print JSON, at the end")
	f.BoolVar(&o.configuration, "print-config", false, "print mip6d's configuration of these mobile nodes, and exit")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see mip6bench -h", f.Arg(0))
	}
	if o.keyFile != "" {
		auth.SPI = uint32(spi)
		if spi > 1<<32-1 {
			return o, fmt.Errorf("SPI %d: want 32 bits", spi)
		}
		p.Auth = auth
	}
	var err error
	if o.phases, err = parsePhases(phases); err == nil {
		err = o.check()
	}
	if err != nil || o.configuration {
		return o, err
	}
	return o, o.open(ifname)
}

func parsePhases(text string) ([]phase, error) {
	var phases []phase
	for name := range strings.SplitSeq(text, ",") {
		p := phase{mixed: name == "mixed"}
		if !p.mixed {
			if err := p.kind.UnmarshalText([]byte(name)); err != nil {
				return nil, fmt.Errorf("-phases: %w, or mixed", err)
			}
		}
		phases = append(phases, p)
	}
	return phases, nil
}

func (o options) check() error {
	errs := []error{o.population.Check()}
	if o.rate < 0 || o.window < 1 || o.mixedFor <= 0 || o.generator.Patience <= 0 {
		errs = append(errs, errors.New("-rate, -window, -mixed-for, -patience: want no negative values, and only a rate may be 0"))
	}
	if o.share < 0 || o.share > 1 {
		errs = append(errs, fmt.Errorf("-share %v: want 0 to 1", o.share))
	}
	return errors.Join(errs...)
}

// open looks at what is outside of the command line.
func (o *options) open(ifname string) error {
	if o.keyFile != "" {
		text, err := os.ReadFile(o.keyFile)
		if err != nil {
			return err
		}
		if o.population.Auth.Key, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil || len(o.population.Auth.Key) == 0 {
			return fmt.Errorf("%s: want a key in hexadecimal (%w)", o.keyFile, err)
		}
	}
	if ifname != "" {
		i, err := net.InterfaceByName(ifname)
		if err != nil {
			return fmt.Errorf("-interface %s: %w", ifname, err)
		}
		o.generator.Interface = i.Index
	}
	return nil
}

// loads is what is to be measured, in order.
func (o options) loads() []loadgen.Load {
	var loads []loadgen.Load
	for _, p := range o.phases {
		l := loadgen.Load{Order: loadgen.Each(p.kind, 0, o.population.Nodes), Rate: o.rate, Window: o.window}
		if p.mixed {
			l.For = o.mixedFor
			l.Order = loadgen.Mix(rand.New(rand.NewPCG(o.generator.Seed, 1)), o.share, 0, o.population.Nodes)
		}
		loads = append(loads, l)
	}
	return loads
}
