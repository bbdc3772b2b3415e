package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

const (
	topInterval = time.Second

	// topShare bounds what a view costs a daemon with very many bindings: it is asked
	// for no more than that share of the time.
	topShare = 10
)

func newTopCommand(o *options) *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use: "top", Short: "Bindings, rates and handovers in a terminal, as they happen", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Shows how mip6d is, the counters that grow with their rates, its bindings or home
addresses, and events as they happen, until q is pressed. s sorts the bindings by
another key, r the other way round, the arrow keys scroll, p holds everything but
the events. It needs a terminal; for programs there are show, stats and watch.`,
	}
	cmd.Flags().DurationVar(&interval, "interval", topInterval, "`time` between two questions, 100ms or more")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case interval < 100*time.Millisecond:
			return usageError{"--interval wants 100ms or more"}
		case o.output.forPrograms():
			return usageError{"top is for people; show bindings, show stats and watch tell programs the same"}
		}
		return runTop(cmd, o.socket, interval)
	}
	return cmd
}

// runTop shows the view until somebody has enough of it. Nothing of it runs on.
func runTop(cmd *cobra.Command, socket string, interval time.Duration) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	c := ctl.NewClient(socket)
	defer c.Close()
	first := ask(ctx, c)
	if first.err != nil {
		return first.err
	}
	screen := &screen{ctx: ctx, client: c, interval: interval}
	screen.take(first)
	p := tea.NewProgram(screen, tea.WithContext(ctx), tea.WithInput(cmd.InOrStdin()), tea.WithOutput(cmd.OutOrStdout()))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := c.Watch(ctx, nil, func(e ctl.Event) error { p.Send(e); return nil }); err != nil {
			p.Send(watchEnded{err})
		}
	}()
	_, err := p.Run()
	cancel()
	<-watched
	switch {
	case errors.Is(err, tea.ErrInterrupted), cmd.Context().Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("top needs a terminal: %w", err)
	}
	return screen.ended
}

// ask asks for all that the view shows.
func ask(ctx context.Context, c *ctl.Client) (s sample) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	began := time.Now()
	var stats ctl.Stats
	for _, question := range []func() error{
		func() (err error) { s.status, err = c.Status(ctx); return err },
		func() (err error) { s.bindings, err = c.Bindings(ctx); return err },
		func() (err error) { s.updates, err = c.BUL(ctx); return err },
		func() (err error) { stats, err = c.Stats(ctx); return err },
	} {
		if s.err = question(); s.err != nil {
			return s
		}
	}
	s.counters = make(map[string]uint64)
	for _, part := range []map[string]uint64{stats.Counters, stats.DataPath} {
		for name, n := range part {
			s.counters[name] = n
		}
	}
	s.at = time.Now()
	s.took = s.at.Sub(began)
	return s
}

// watchEnded: no more events come.
type watchEnded struct{ err error }

// askAgain: it is time for the next question.
type askAgain struct{}

// screen is top as bubbletea wants it.
type screen struct {
	top
	ctx      context.Context
	client   *ctl.Client
	interval time.Duration
	ended    error
}

func (s *screen) Init() tea.Cmd { return s.wait() }

func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if s.press(msg.String()) {
			return s, tea.Quit
		}
	case askAgain:
		return s, func() tea.Msg { return ask(s.ctx, s.client) }
	case sample:
		s.take(msg)
		return s, s.wait()
	case ctl.Event:
		s.happened(msg)
	case watchEnded:
		s.ended = msg.err
		return s, tea.Quit
	}
	return s, nil
}

// wait until the next question, for long where answers take long.
func (s *screen) wait() tea.Cmd {
	return tea.Tick(max(s.interval, topShare*s.now.took), func(time.Time) tea.Msg { return askAgain{} })
}

func (s *screen) View() tea.View {
	v := tea.NewView(s.view())
	v.AltScreen = true
	return v
}
