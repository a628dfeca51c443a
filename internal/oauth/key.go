package oauth

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeyText = 32 << 10
	minRSABits = 2048
	maxRSABits = 8192 // beyond it a signature takes seconds
)

// ParseKey reads a private key as PEM (PKCS#8, PKCS#1 or SEC 1) or as JSON Web
// Key. What the parsers below say is kept to ourselves: they quote the key.
func ParseKey(text string) (*jose.JSONWebKey, error) {
	if len(text) > maxKeyText {
		return nil, fmt.Errorf("the key has more than %d bytes", maxKeyText)
	}
	text = strings.TrimSpace(text)
	key := &jose.JSONWebKey{}
	if strings.HasPrefix(text, "{") {
		if key.UnmarshalJSON([]byte(text)) != nil {
			return nil, errors.New("the key is no JSON Web Key that can be read")
		}
	} else {
		private, err := parsePEM([]byte(text))
		if err != nil {
			return nil, err
		}
		key.Key = private
	}
	if key.IsPublic() {
		return nil, errors.New("the key is a public key, the private one is needed")
	}
	if _, err := signingAlgorithm(key); err != nil {
		return nil, err
	}
	switch private := key.Key.(type) {
	case *rsa.PrivateKey:
		if bits := private.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("the RSA key has %d bits, use one with %d to %d", bits, minRSABits, maxRSABits)
		}
	case *ecdsa.PrivateKey:
		if !consistent(private) {
			return nil, errors.New("the key's private and public part do not belong together")
		}
	}
	return key, nil
}

// consistent reports whether the public part is the private one's. In a JSON
// Web Key nobody has checked that yet, and no signature would ever be right.
func consistent(private *ecdsa.PrivateKey) bool {
	scalar, err := private.Bytes()
	if err != nil {
		return false
	}
	again, err := ecdsa.ParseRawPrivateKey(private.Curve, scalar)
	return err == nil && again.PublicKey.Equal(&private.PublicKey)
}

func parsePEM(text []byte) (any, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("there is no private key: want PEM (PKCS#8, PKCS#1, SEC 1) or a JSON Web Key")
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errors.New("the key is encrypted, store it without a passphrase")
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PUBLIC KEY", "RSA PUBLIC KEY":
			return nil, errors.New("the key is a public key, the private one is needed")
		default: // certificates, and the parameters that openssl puts before an EC key
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the key in the PEM block %q cannot be read", block.Type)
		}
		return key, nil
	}
}
