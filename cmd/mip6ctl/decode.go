package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/decode"
)

// maxDecodeInput bounds what is read from standard input. The longest packet is
// 65,575 octets, two digits each.
const maxDecodeInput = 1 << 20

func newDecodeCommand(o *options) *cobra.Command {
	var kind, src, dst string
	cmd := &cobra.Command{
		Use: "decode [--src A --dst B] HEX|-", Short: "What a message on the wire says, as JSON",
		Long: `Decodes one message and prints it as JSON, fields named as in the RFCs: a
Mobility Header, an ICMPv6 message of Mobile IPv6 or neighbour discovery, a
Destination Options header with a Home Address option, a type 2 routing header,
or a whole IPv6 packet. No running mip6d is needed.

HEX may have spaces, colons and line ends in it; "-" reads it from standard
input. What the octets are is found out, unless --kind says it. With --src and
--dst the checksum is verified: give the addresses as they are after processing
of a Home Address option or a type 2 routing header. A whole packet has its own.

It is JSON with -o table, too. Exit status 1 if no receiver would accept the message.`,
		Example: `  mip6ctl decode 3b010500 00000001 c0000064 01020000
  tcpdump -r FILE -c 1 -x | grep 0x | mip6ctl decode -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{`decode what? Give hexadecimal digits, or "-" to read them from standard input`}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			how, err := decodeOptions(kind, src, dst)
			if err != nil {
				return err
			}
			text := strings.Join(args, " ")
			if text == "-" {
				if text, err = readHex(cmd.InOrStdin()); err != nil {
					return fmt.Errorf("decode standard input: %w", err)
				}
			}
			b, err := decode.Hex(text)
			if err != nil {
				return fmt.Errorf("decode: %w", err)
			}
			fields, err := decode.Decode(b, how)
			if err != nil {
				return fmt.Errorf("decode: %w", err)
			}
			return o.output.print(cmd.OutOrStdout(), fields)
		},
	}
	kinds := make([]string, len(decode.Kinds))
	for i, k := range decode.Kinds {
		kinds[i] = string(k)
	}
	flags := cmd.Flags()
	flags.StringVar(&src, "src", "", "source `address` for the checksum")
	flags.StringVar(&dst, "dst", "", "destination `address` for the checksum")
	flags.StringVar(&kind, "kind", "", "what it is: `"+strings.Join(kinds, "|")+"`")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func decodeOptions(kind, src, dst string) (o decode.Options, err error) {
	o.Kind = decode.Kind(kind)
	if kind != "" && !slices.Contains(decode.Kinds, o.Kind) {
		return o, usageError{fmt.Sprintf("--kind %s: there are %v", kind, decode.Kinds)}
	}
	if (src == "") != (dst == "") {
		return o, usageError{"--src and --dst go together: a checksum covers both addresses"}
	}
	if src == "" {
		return o, nil
	}
	if o.Src, err = ipv6Address("--src", src); err != nil {
		return o, err
	}
	o.Dst, err = ipv6Address("--dst", dst)
	return o, err
}

func ipv6Address(flag, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is6() {
		return netip.Addr{}, usageError{fmt.Sprintf("%s %s: not an IPv6 address", flag, text)}
	}
	return a.WithZone(""), nil
}

func readHex(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxDecodeInput+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxDecodeInput {
		return "", fmt.Errorf("more than %d characters are no packet", maxDecodeInput)
	}
	return string(b), nil
}
