package byid

const (
	digits   = "0123456789abcdefghijklmnopqrstuv" // of 5 bits each
	mostText = 13                                 // digits of the largest number
)

// AppendText writes a number as text, as short as it goes.
func AppendText(b []byte, id uint64) []byte {
	var text [mostText]byte
	at := len(text) - 1
	for ; id >= 32; id >>= 5 {
		text[at] = digits[id&31]
		at--
	}
	text[at] = digits[id]
	return append(b, text[at:]...)
}

// Parse reads what AppendText writes, and nothing else: false.
func Parse(text string) (id uint64, ok bool) {
	if text == "" || len(text) > mostText || text[0] == '0' && len(text) > 1 || len(text) == mostText && text[0] > 'f' {
		return 0, false
	}
	for i := range len(text) {
		var digit byte
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			digit = c - '0'
		case 'a' <= c && c <= 'v':
			digit = c - 'a' + 10
		default:
			return 0, false
		}
		id = id<<5 | uint64(digit)
	}
	return id, true
}
