package server

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// AddressError says that an address is one at which clouds keep their machines'
// credentials, or that only machines on the same wire have.
type AddressError struct{ Host string }

// Error names the address and says what to do.
func (e *AddressError) Error() string {
	return fmt.Sprintf("the address %.100q is link-local, or one of a cloud's metadata: use another, or allow such addresses by allow_link_local", e.Host)
}

// Metadata services that are at no link-local address.
var metadataAddresses = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("168.63.129.16"),   // Azure
}

var metadataNames = map[string]bool{
	"metadata": true, "metadata.google.internal": true, "metadata.goog": true,
	"instance-data": true, "instance-data.ec2.internal": true, "metadata.tencentyun.com": true,
}

// translated are the prefixes below which an IPv4 address is another form of itself: at its
// end, or for 6to4 right after the prefix.
var (
	translated = []netip.Prefix{
		netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
	}
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// refusedIP tells whether nothing of ours may go to an address.
func refusedIP(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range translated {
		if ip.Is6() && p.Contains(ip) {
			b := ip.As16()
			return refusedIP(netip.AddrFrom4([4]byte(b[12:])))
		}
	}
	if sixToFour.Contains(ip) {
		b := ip.As16()
		return refusedIP(netip.AddrFrom4([4]byte(b[2:6])))
	}
	if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() {
		return true
	}
	for _, m := range metadataAddresses {
		if ip == m {
			return true
		}
	}
	return false
}

// checkHost refuses a host by its name, or by its address in any form that resolvers take.
func checkHost(host string) error {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, ok := parseIP(name); ok && refusedIP(ip) || metadataNames[name] || strings.ContainsFunc(name, disguised) {
		return &AddressError{Host: host}
	}
	return nil
}

// disguised tells whether a sign is one that names are mapped to a digit or a dot for.
func disguised(r rune) bool {
	return r > 0x7f && (unicode.IsNumber(r) || strings.ContainsRune("。．｡", r))
}

// checkURL is checkHost of a URL's host. What is no URL is for others to refuse.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return nil //nolint:nilerr // the provider, or the proxy, refuses it with a reason of its own
	}
	return checkHost(u.Hostname())
}

// parseIP reads an address as resolvers do: 0xA9FEA9FE and 2852039166 are one, too.
func parseIP(host string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32) // 0x and 0 say the base
		last := i == len(parts)-1
		if err != nil || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return netip.Addr{}, false
		}
		if last {
			value = value<<(8*(5-len(parts))) | n
		} else {
			value = value<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// refuseAddress is a net.Dialer's Control: it sees the address that a name turned out to
// be, so a name that changes its address does not get past.
func refuseAddress(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err == nil && refusedIP(at.Addr()) {
		return &AddressError{Host: at.Addr().String()}
	}
	return nil
}
