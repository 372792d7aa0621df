package transporttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"
)

// CA is a certificate authority that lives in memory only. It issues the
// certificates of Servers and https Proxies, and those of clients that have to
// present one. Its methods may be called by several goroutines at once. Make
// one with NewCA: the zero CA cannot issue anything.
type CA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewCA makes a new authority with a key of its own (ECDSA P-256). Nobody
// trusts it who was not given its Pool.
func NewCA() (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("transporttest: key of the authority: %w", err)
	}
	template := template("transporttest CA")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	certificate, err := sign(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &CA{certificate: certificate, key: key}, nil
}

// Pool returns a new pool that trusts this authority and no other. It belongs
// to the caller.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return pool
}

// PEM returns the authority's certificate as a PEM block, for programs that
// read their roots from a file.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.certificate.Raw})
}

// Certificate issues a certificate with a new key for the given DNS names and
// IP addresses (no ports). Without any it is for localhost, 127.0.0.1 and ::1.
// It serves for servers and for clients alike, and is valid from 1990 to 2100,
// so that a test with a clock of its own can use it. An empty name is an error.
func (ca *CA) Certificate(hosts ...string) (tls.Certificate, error) {
	if len(hosts) == 0 {
		hosts = loopbackNames()
	}
	template := template(hosts[0])
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if host == "" {
			return tls.Certificate{}, errors.New("transporttest: certificate for an empty name")
		}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("transporttest: key of %s: %w", hosts[0], err)
	}
	leaf, err := sign(template, ca.certificate, &key.PublicKey, ca.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// serverConfig is the TLS side of a Server or Proxy with a certificate for the
// loopback names and hosts. Clients need a certificate of clients unless that
// is nil.
func (ca *CA) serverConfig(clients *CA, hosts []string) (*tls.Config, error) {
	certificate, err := ca.Certificate(append(loopbackNames(), hosts...)...)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if clients != nil {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = clients.Pool()
	}
	return config, nil
}

func loopbackNames() []string {
	return []string{"localhost", "127.0.0.1", "::1"}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Date(1990, time.January, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:  time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC),
	}
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("transporttest: certificate of %s: %w", template.Subject.CommonName, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("transporttest: certificate of %s: %w", template.Subject.CommonName, err)
	}
	return certificate, nil
}
