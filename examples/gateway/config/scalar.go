package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// isScalar tells whether a value of the type is written as one text.
func isScalar(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[resource.Secret](), reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Prefix]():
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	}
	return false
}

// scalar reads one text.
func (d *decoder) scalar(n *yaml.Node, to reflect.Value, field string) {
	if n.Kind != yaml.ScalarNode {
		d.refuse(n, field, "one value is wanted, not a list or fields")
		return
	}
	text, complaint := expand(n.Value, d.dir, d.env)
	if complaint != "" {
		d.refuse(n, field, "%s", complaint)
		return
	}
	if complaint := emptyByMistake(field, n.Value, text); complaint != "" {
		d.refuse(n, field, "%s", complaint)
		return
	}
	if want := d.set(to, text); want != "" {
		d.refuse(n, field, "%s", want)
	}
}

// set puts a text into a value, or says what is wanted.
func (d *decoder) set(to reflect.Value, text string) (want string) {
	trimmed := strings.TrimSpace(text)
	switch v := to.Addr().Interface().(type) {
	case *resource.Secret:
		*v = resource.NewSecret(text)
	case *string:
		*v = text
	case *resource.Duration:
		parsed, err := time.ParseDuration(trimmed)
		if err != nil {
			return "a duration is wanted: write it with its unit, as in 30s, 5m or 1h30m"
		}
		*v = resource.Duration(parsed)
	case *Size:
		parsed, ok := parseSize(trimmed)
		if !ok {
			return "a size is wanted: write a number of bytes, or as in 64KiB, 32MiB or 1GiB"
		}
		*v = parsed
	case *time.Time:
		parsed, ok := parseTime(trimmed)
		if !ok {
			return "a time is wanted: write it as in 2027-01-31 or 2027-01-31T18:00:00Z"
		}
		*v = parsed
	case *netip.Prefix:
		parsed, ok := parsePrefix(trimmed)
		if !ok {
			return "an address or a network is wanted: write it as in 10.0.0.5, 10.0.0.0/8 or fd00::/8"
		}
		*v = parsed
	default:
		return setNumber(to, trimmed)
	}
	return ""
}

// setNumber puts a text into what Go has a kind of its own for.
func setNumber(to reflect.Value, text string) (want string) {
	switch to.Kind() {
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on":
			to.SetBool(true)
		case "false", "no", "off":
			to.SetBool(false)
		default:
			return "write true or false"
		}
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
		if err != nil || to.OverflowInt(n) {
			return "a whole number is wanted, without a unit"
		}
		to.SetInt(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil || n-n != 0 { // infinities and what is no number
			return "a number is wanted, without a unit"
		}
		to.SetFloat(n)
	}
	return ""
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func parsePrefix(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}
