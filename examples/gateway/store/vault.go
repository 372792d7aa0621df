package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// ErrOtherKey is among the errors of an Open whose master key is not the database's.
var ErrOtherKey = errors.New("it was encrypted under another master key: start with the key that the database was made with")

var (
	errNewer   = errors.New("update the program")
	errDamaged = errors.New("it is damaged, or was moved here from elsewhere")
)

// vault encrypts what rests in the database. What it writes is 1:key:text, where 1 is
// how, key names the master key, so that another can follow it, and text is the nonce and
// the cipher text in base64.
type vault struct {
	aead   cipher.AEAD
	prefix string
}

func newVault(key []byte) (vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return vault{}, failed(err, "preparing the master key")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return vault{}, failed(err, "preparing the master key")
	}
	name := sha256.Sum256(append([]byte("aitransport gateway master key\n"), key...))
	return vault{aead, "1:" + hex.EncodeToString(name[:4]) + ":"}, nil
}

// seal encrypts a text for a place: what is moved to another cannot be read. "" stays "".
func (v vault) seal(text, place string) string {
	if text == "" {
		return ""
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(text)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // which never fails
	return v.prefix + base64.RawStdEncoding.EncodeToString(v.aead.Seal(nonce, nonce, []byte(text), []byte(place)))
}

// open decrypts what seal wrote for the same place.
func (v vault) open(sealed, place string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	text, ours := strings.CutPrefix(sealed, v.prefix)
	if !ours {
		if strings.HasPrefix(sealed, v.prefix[:2]) {
			return "", ErrOtherKey
		}
		return "", errDamaged
	}
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(data) < v.aead.NonceSize() {
		return "", errDamaged
	}
	size := v.aead.NonceSize()
	opened, err := v.aead.Open(nil, data[:size], data[size:], []byte(place))
	if err != nil {
		return "", errDamaged
	}
	return string(opened), nil
}

// sealJSON and openJSON do so with a value.
func (v vault) sealJSON(value any, place string) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return v.seal(string(data), place), nil
}

func (v vault) openJSON(sealed, place string, value any) error {
	text, err := v.open(sealed, place)
	if err != nil || text == "" {
		return err
	}
	if json.Unmarshal([]byte(text), value) != nil {
		return errDamaged // the cause could quote it
	}
	return nil
}

// masterKeyText is what masterKeyCheck says.
const masterKeyText = "the master key is right"

// checkKey tells another master key before anything is read or written with it.
func (db *DB) checkKey(ctx context.Context) error {
	const name, text = masterKeyCheck, masterKeyText
	sealed, err := db.Setting(ctx, name)
	if errors.Is(err, resource.ErrNotFound) {
		ours := db.vault.seal(text, name)
		db.keyUsed = true // even if the answer is lost
		if sealed, err = db.ClaimSetting(ctx, name, ours); err == nil {
			db.keyUsed = sealed == ours
		}
	}
	if err != nil {
		return err
	}
	opened, err := db.vault.open(sealed, name)
	if err == nil && opened != text {
		err = errDamaged
	}
	if err != nil {
		return failed(err, "the check of the master key of the database at %s", db.target.where)
	}
	return nil
}

// place is where a column of an account is.
func place(id, column string) string { return fmt.Sprintf("accounts/%s/%s", id, column) }
