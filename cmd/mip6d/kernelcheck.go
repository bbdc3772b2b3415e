package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/doctor"
	"mip6d/internal/probe"
)

// checkKernel tries what the roles must have, in a scratch network namespace, and
// refuses to go on where something is missing. Where no such namespace may be made,
// as under the unit that we ship, only the harmless part is tried, in this one; the
// start itself finds out the rest, and partly is true.
//
// What may not be tried, or can't be just now, is no reason to refuse: a sysctl that
// can't be written may have the right value already.
func (d *daemon) checkKernel(cfg *config.Config) (partly bool, err error) {
	roles := rolesOf(cfg)
	keys := doctor.AtStart(roles)
	options := probe.Options{Marks: marks(cfg.Kernel)}
	begin := time.Now()
	findings, err := probe.Scratch(keys, options)
	if err != nil {
		partly = true
		findings = probe.Here(keys, options)
		d.log.Info("the kernel was probed in part only; mip6ctl doctor, run as root, does all of it",
			"probes", len(findings), "of", len(keys), "err", err)
	}
	d.log.Debug("probed the kernel", "probes", len(findings), "took", time.Since(begin))
	return partly, d.judge(roles, findings)
}

// judge tells of everything that is missing, and is an error if anything is.
func (d *daemon) judge(roles []doctor.Role, findings []doctor.Finding) error {
	var missing, unable []string
	for _, r := range roles {
		for _, l := range doctor.Lacks(r, findings) {
			switch {
			case l.Level != doctor.Must: // its user tells of it
			case l.Status == doctor.Missing:
				d.log.Error("the kernel cannot do what the "+r.String()+" needs", "err", l.Text)
				if !slices.Contains(missing, string(l.Key)) {
					missing = append(missing, string(l.Key))
				}
				if !slices.Contains(unable, r.String()) {
					unable = append(unable, r.String())
				}
			default:
				d.log.Warn("the kernel may not be able to do what the "+r.String()+" needs", "err", l.Text)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("this kernel cannot run a %s: it lacks %s; mip6ctl doctor tells all of it",
		strings.Join(unable, " or a "), strings.Join(missing, ", "))
}

func rolesOf(cfg *config.Config) []doctor.Role {
	var roles []doctor.Role
	if cfg.HomeAgent != nil {
		roles = append(roles, doctor.HomeAgent)
	}
	if cfg.MobileNode != nil {
		roles = append(roles, doctor.MobileNode)
	}
	if cfg.CorrespondentNode != nil {
		roles = append(roles, doctor.CorrespondentNode)
	}
	return roles
}
