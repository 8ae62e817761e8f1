// Adapter: golang.org/x/net/http2/hpack (Debian: golang-go, golang-golang-x-net-dev).
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/net/http2/hpack"
)

type request struct {
	Reset     bool        `json:"reset"`
	Sizes     []uint32    `json:"header_table_sizes"`
	Wire      *string     `json:"wire"`
	Fields    [][2]string `json:"fields"`
	Sensitive []int       `json:"sensitive"`
}

type codec struct {
	decoder *hpack.Decoder
	encoder *hpack.Encoder
	block   bytes.Buffer
}

func open() *codec {
	c := &codec{decoder: hpack.NewDecoder(4096, nil)}
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

func text(digits string) string {
	octets, _ := hex.DecodeString(digits)
	return string(octets)
}

func (c *codec) decode(r *request) map[string]interface{} {
	for _, size := range r.Sizes {
		c.decoder.SetAllowedMaxDynamicTableSize(size)
	}
	found, err := c.decoder.DecodeFull([]byte(text(*r.Wire)))
	if err != nil {
		return map[string]interface{}{"error": err.Error()}
	}
	fields, sensitive := make([][2]string, len(found)), []int{}
	for position, field := range found {
		fields[position] = [2]string{
			hex.EncodeToString([]byte(field.Name)), hex.EncodeToString([]byte(field.Value)),
		}
		if field.Sensitive {
			sensitive = append(sensitive, position)
		}
	}
	return map[string]interface{}{"fields": fields, "sensitive": sensitive}
}

func (c *codec) encode(r *request) map[string]interface{} {
	for _, size := range r.Sizes {
		c.encoder.SetMaxDynamicTableSizeLimit(size)
		c.encoder.SetMaxDynamicTableSize(size)
	}
	c.block.Reset()
	for position, pair := range r.Fields {
		field := hpack.HeaderField{Name: text(pair[0]), Value: text(pair[1])}
		for _, sensitive := range r.Sensitive {
			field.Sensitive = field.Sensitive || sensitive == position
		}
		if err := c.encoder.WriteField(field); err != nil {
			return map[string]interface{}{"error": err.Error()}
		}
	}
	return map[string]interface{}{"wire": hex.EncodeToString(c.block.Bytes())}
}

func answer(c *codec, r *request) (result map[string]interface{}) {
	defer func() {
		if reason := recover(); reason != nil {
			result = map[string]interface{}{"crash": fmt.Sprint(reason)}
		}
	}()
	if r.Wire != nil {
		return c.decode(r)
	}
	return c.encode(r)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("Go x/net http2/hpack")
		return
	}
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	c := open()
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		r := &request{}
		if err := json.Unmarshal(line, r); err != nil {
			panic(err)
		}
		if r.Reset {
			c = open()
			continue
		}
		if err := out.Encode(answer(c, r)); err != nil {
			return
		}
	}
}
