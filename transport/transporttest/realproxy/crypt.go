package realproxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"fmt"
)

// crypt hashes a password as crypt(3) does with the method sha1crypt: of the
// methods that Debian's libcrypt knows, the one that the standard library can
// compute in a few lines. It protects nothing but a test.
func crypt(password string) string {
	return sha1crypt(password, rand.Text()[:16])
}

func sha1crypt(password, salt string) string {
	const rounds = 1000
	sum := fmt.Appendf(nil, "%s$sha1$%d", salt, rounds)
	for range rounds {
		mac := hmac.New(sha1.New, []byte(password))
		mac.Write(sum)
		sum = mac.Sum(nil)
	}
	const digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum = append(sum, sum[0]) // 20 bytes, written in groups of three
	var out []byte
	for i := 0; i < len(sum); i += 3 {
		group := uint(sum[i])<<16 | uint(sum[i+1])<<8 | uint(sum[i+2])
		for range 4 {
			out = append(out, digits[group&63])
			group >>= 6
		}
	}
	return fmt.Sprintf("$sha1$%d$%s$%s", rounds, salt, out)
}
