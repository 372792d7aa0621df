package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

func (d *decoder) checkKeys(keys []Key) {
	first, secrets := make(map[string]int), make(map[string]int)
	for i := range keys {
		k := &keys[i]
		at := fmt.Sprintf("keys[%d]", i)
		d.name(at, k.Name, first, i)
		d.token(at+".secret", k.Secret.Reveal())
		if earlier, twice := secrets[k.Secret.Reveal()]; twice {
			d.fail(at+".secret", "keys[%d] has the same: write one that no other has", earlier)
		}
		secrets[k.Secret.Reveal()] = i
		d.groups(at+".groups", k.Groups)
		for j, m := range k.Models {
			if m == "" || strings.Count(m, "*") > 1 {
				d.fail(fmt.Sprintf("%s.models[%d]", at, j), "write a model's name, with at most one *, which stands for anything")
			}
		}
		d.between(at+".requests_per_minute", k.RequestsPerMinute, 0, math.MaxInt32)
		d.between(at+".in_flight", k.InFlight, 0, math.MaxInt32)
		d.rate(at+".price_rate", k.PriceRate)
		for j, q := range k.Quotas {
			d.quota(fmt.Sprintf("%s.quotas[%d]", at, j), q)
		}
	}
}

// complete puts in what follows from the rest.
func (k *Key) complete() {
	secret := k.Secret.Reveal()
	sum, id := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(k.Name))
	k.Hash = hex.EncodeToString(sum[:])
	k.ID = "key_file_" + hex.EncodeToString(id[:8])
	k.Hint = secret[:3] + "…" + secret[len(secret)-3:]
	k.FromFile = true
}

func (d *decoder) quota(at string, q resource.Quota) {
	if !isWindow(q.Window, "day", "week", "month", "total") {
		d.fail(at+".window", "write a duration, as in 5h, or day, week, month or total")
	}
	d.zone(at+".zone", q.Zone)
	if q.USD < 0 || q.USD > maxUSD {
		d.fail(at+".usd", "write dollars from 0 to %d", int64(maxUSD))
	}
	if q.Tokens < 0 || q.Tokens > maxCount {
		d.fail(at+".tokens", "write from 0 to %d", int64(maxCount))
	}
	if q.USD == 0 && q.Tokens == 0 {
		d.fail(at, "it limits nothing: write usd or tokens, or remove it")
	}
}

// What every store can count to.
const (
	maxUSD   = 9_000_000
	maxCount = 1 << 53
)

// isWindow tells whether a text is a duration that a limit can have, or one of the words.
func isWindow(text string, words ...string) bool {
	for _, w := range words {
		if text == w {
			return true
		}
	}
	length, err := time.ParseDuration(text)
	return err == nil && length >= time.Second && quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(length)}.Validate() == nil
}

func (d *decoder) limit(at string, l resource.Limit) {
	d.oneOf(at+".unit", l.Unit, "requests", "input_tokens", "output_tokens", "tokens", "usd", "in_flight")
	most := float64(maxCount)
	if l.Unit == "usd" {
		most = maxUSD
	}
	switch {
	case !(l.Max > 0) || l.Max > most:
		d.fail(at+".max", "write a number above 0, of at most %.0f", most)
	case l.Unit != "usd" && l.Max != math.Trunc(l.Max):
		d.fail(at+".max", "write a whole number: only usd has parts")
	}
	switch {
	case l.Unit == "in_flight" && l.Window != "":
		d.fail(at+".window", "in_flight has no window: remove it")
	case l.Unit != "in_flight" && !isWindow(l.Window, "day", "week", "month", "total"):
		d.fail(at+".window", "write a duration, as in 1m or 5h, or day, week, month or total")
	}
	d.zone(at+".zone", l.Zone)
	d.begin(at, l)
}

// begin checks when a limit's day, week or month begins.
func (d *decoder) begin(at string, l resource.Limit) {
	calendar := l.Window == "day" || l.Window == "week" || l.Window == "month"
	if !calendar && (l.Zone != "" || l.At != "") {
		d.fail(at, "zone and at are for windows of a day, a week or a month: remove them")
	}
	if t, ok := clock(l.At); l.At != "" && (!ok || t == 24*time.Hour) {
		d.fail(at+".at", "it is no time of the day: write it as in \"09:00\"")
	}
	switch {
	case l.On == "":
	case l.Window == "week":
		if !isWeekday(l.On) {
			d.fail(at+".on", "it is no day of the week: write it as in monday")
		}
	case l.Window == "month":
		if n, err := strconv.Atoi(l.On); err != nil || n < 1 || n > 31 {
			d.fail(at+".on", "it is no day of a month: write 1 to 31")
		}
	default:
		d.fail(at+".on", "it is for windows of a week or a month: remove it")
	}
}

// ParseMasterKey reads 32 bytes in hex or base64. Its error quotes nothing.
func ParseMasterKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if key, err := hex.DecodeString(text); err == nil && len(key) == 32 {
		return key, nil
	}
	text = strings.TrimRight(text, "=")
	for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := coding.DecodeString(text); err == nil && len(key) == 32 {
			return key, nil
		}
	}
	return nil, errors.New("it is not 32 bytes in hex or base64: make one by `openssl rand -hex 32`, and keep it: what was encrypted under another cannot be read")
}
