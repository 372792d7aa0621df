package providertest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider/providertest"
)

// A stream in each way of writing it.
func TestLines(t *testing.T) {
	const (
		pathMessages = "/v1/messages"
		named        = `{"type":"message_stop"}`
	)
	cases := []struct {
		name  string
		lines providertest.Lines
		first string // the beginning of the stream
		last  string // its end
	}{
		{"as ever", providertest.Lines{}, "event: message_start\ndata: {\"type\":\"message_start\",", "event: message_stop\ndata: " + named + "\n\n"},
		{"CRLF", providertest.Lines{End: "\r\n"}, "event: message_start\r\ndata: {", "event: message_stop\r\ndata: " + named + "\r\n\r\n"},
		{"CR", providertest.Lines{End: "\r"}, "event: message_start\rdata: {", "event: message_stop\rdata: " + named + "\r\r"},
		{"no space", providertest.Lines{NoSpace: true}, "event:message_start\ndata:{", "event:message_stop\ndata:" + named + "\n\n"},
		{"BOM", providertest.Lines{BOM: true}, "\ufeffevent: message_start\n", "\n\n"},
		{"no last blank line", providertest.Lines{NoLastBlank: true}, "event: ", "\n\nevent: message_stop\ndata: " + named + "\n"},
		{"no last line end", providertest.Lines{NoLastEnd: true}, "event: ", "\n\nevent: message_stop\ndata: " + named},
		{"no last line end, CRLF", providertest.Lines{NoLastEnd: true, End: "\r\n"}, "event: ", "\r\n\r\nevent: message_stop\r\ndata: " + named},
		{"all", providertest.Lines{End: "\r\n", NoSpace: true, BOM: true, NoLastBlank: true}, "\ufeffevent:message_start\r\ndata:{", "\r\ndata:" + named + "\r\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := providertest.Anthropic(providertest.Config{})
			p, _ := ask(t, f, providertest.OK().Lines(c.lines), pathMessages, messageStream)
			got := p.body.String()
			assert.True(t, strings.HasPrefix(got, c.first), got)
			assert.True(t, strings.HasSuffix(got, c.last), got)
			if c.lines.End != "" && c.lines.End != "\n" {
				assert.NotContains(t, strings.ReplaceAll(got, c.lines.End, ""), "\n")
			}
			if c.lines.BOM {
				assert.Equal(t, 1, strings.Count(got, "\ufeff"))
			}
		})
	}
}

func TestLinesSplit(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Text: `a, "b", {c}`})
	plain, _ := ask(t, f, providertest.OK(), "/v1/chat/completions", chatStream)
	split, _ := ask(t, f, providertest.OK().Lines(providertest.Lines{Split: true}), "/v1/chat/completions", chatStream)
	var parted int
	var joined strings.Builder
	for block := range strings.SplitSeq(strings.TrimSuffix(split.body.String(), "\n\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		if len(lines) == 2 {
			parted++
			assert.True(t, strings.HasSuffix(lines[0], ","), "parted where JSON allows it: %q", lines)
		}
		joined.WriteString("data: ")
		for _, l := range lines {
			joined.WriteString(strings.TrimPrefix(l, "data: "))
		}
		joined.WriteString("\n\n")
	}
	same := func(s string) string { return strings.ReplaceAll(s, "_2", "_1") } // the number of the call
	assert.Equal(t, plain.body.String(), same(joined.String()))
	assert.Equal(t, strings.Count(plain.body.String(), "\n\n")-1, parted, "all but [DONE]")
}
