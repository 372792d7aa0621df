package transporttest_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificateIsForItsHostsAndItsPoolOnly(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	tests := []struct {
		name        string
		hosts       []string
		good, wrong string
	}{
		{"default name", nil, "localhost", "example.com"},
		{"default IPv4", nil, "127.0.0.1", "127.0.0.2"},
		{"default IPv6", nil, "::1", "::2"},
		{"name", []string{"api.openai.com"}, "api.openai.com", "localhost"},
		{"names and address", []string{"a.test", "b.test", "10.0.0.1"}, "10.0.0.1", "c.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			certificate, err := ca.Certificate(tt.hosts...)
			require.NoError(t, err)
			leaf := certificate.Leaf
			_, err = leaf.Verify(x509.VerifyOptions{DNSName: tt.good, Roots: ca.Pool()})
			assert.NoError(t, err)
			_, err = leaf.Verify(x509.VerifyOptions{DNSName: tt.wrong, Roots: ca.Pool()})
			assert.ErrorAs(t, err, new(x509.HostnameError))
			_, err = leaf.Verify(x509.VerifyOptions{DNSName: tt.good, Roots: other.Pool()})
			assert.ErrorAs(t, err, new(x509.UnknownAuthorityError))
		})
	}
}

func TestCertificateIsValidOnAFakeClock(t *testing.T) {
	ca := newCA(t)
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	// testing/synctest starts its clock here.
	_, err = certificate.Leaf.Verify(x509.VerifyOptions{
		Roots: ca.Pool(), CurrentTime: time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
}

func TestCertificateForAnEmptyNameIsAnError(t *testing.T) {
	_, err := newCA(t).Certificate("a.test", "")
	require.Error(t, err)
}

func TestPEMIsTheAuthority(t *testing.T) {
	ca := newCA(t)
	block, _ := pem.Decode(ca.PEM())
	require.NotNil(t, block)
	root, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	require.True(t, pool.Equal(ca.Pool()))
}
