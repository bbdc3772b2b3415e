package mh

// checkOrder checks what the RFCs require of the options' places among each
// other. Offsets are not known here any more; the error names the option.
func checkOrder(opts Options) error {
	var seen [11]bool // by type: the options that may stand only once
	var subtypes [256]bool
	var last Option // the authentication option before, behind which little may stand
	for _, opt := range opts {
		t := opt.OptionType()
		if _, ok := last.(BindingAuthorizationData); ok {
			return misplaced("something follows the %s option (RFC 6275 §6.2.7)", last.OptionType())
		}
		switch o := opt.(type) {
		case Pad1, PadN:
			continue
		case MobilityMessageAuthentication:
			if subtypes[o.Subtype] {
				return misplaced("the %s option of subtype %d is repeated (RFC 4285 §5)", t, o.Subtype)
			}
			if o.Subtype == SubtypeMNHA && subtypes[SubtypeMNAAA] {
				return misplaced("MN-HA authentication stands behind MN-AAA authentication (RFC 4285 §5)")
			}
			subtypes[o.Subtype], last = true, opt
			continue
		}
		if last != nil {
			// What an authenticator does not cover anybody can append: RFC
			// 4283 §3.2 and RFC 4285 §5.1 leave no place for it.
			return misplaced("the %s option follows the %s option (RFC 4285 §5.1)", t, last.OptionType())
		}
		switch opt.(type) {
		case MobileNetworkPrefix, IPv4HomeAddress, IPv4AddressAcknowledgement, UnknownOption:
			continue // any number (RFC 3963 §4.3, RFC 5555 §4.4.2)
		case BindingAuthorizationData:
			last = opt
		}
		if seen[t] {
			return misplaced("the %s option is repeated", t)
		}
		seen[t] = true
	}
	return nil
}

func misplaced(format string, args ...any) error {
	return silent(ReasonOptionOrder, headerLen, format, args...)
}
