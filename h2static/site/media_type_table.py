"""The table of media types: which extension means what.

Contract: text in the format of ``/etc/mime.types``: a type and its extensions.  A type may occur
more than once, an extension only once.

Names are those of IANA's registry if there is one, otherwise those that clients require
(``application/x-xpinstall``, ``application/x-apple-aspen-config``): many act on the type alone and
ignore ``application/octet-stream``.  ``text/javascript`` is RFC 9239, ``text/markdown`` RFC 7763.
Common endings of names that are not files (``.me``, ``.com``, ``.net``) are left out, because
single-page applications have such paths.
"""

from __future__ import annotations

TABLE = """
text/html                       html htm shtml
text/css                        css
text/javascript                 js mjs cjs
text/plain                      txt text log conf ini c h py rs go toml sh diff patch asc
text/plain                      srt bat ps1 cmd cfg properties java kt swift
text/markdown                   md markdown
text/csv                        csv
text/tab-separated-values       tsv
text/calendar                   ics
text/vcard                      vcf vcard
text/vtt                        vtt
text/x-component                htc
application/yaml                yaml yml
text/x-typescript               ts mts cts tsx jsx
text/xml                        xsl xslt
application/json                json map
application/ld+json             jsonld
application/geo+json            geojson
application/manifest+json       webmanifest
application/schema+json         jsonschema
application/xml                 xml xsd
application/rdf+xml             rdf
application/wsdl+xml            wsdl
application/xhtml+xml           xhtml xht
application/rss+xml             rss
application/atom+xml            atom
application/wasm                wasm
application/pdf                 pdf
application/rtf                 rtf
application/epub+zip            epub
application/zip                 zip
application/gzip                gz tgz
application/zstd                zst
application/x-brotli            br
application/x-bzip2             bz2
application/x-xz                xz
application/x-7z-compressed     7z
application/x-tar               tar
application/vnd.rar             rar
application/java-archive        jar war
application/vnd.android.package-archive apk
application/x-apple-diskimage   dmg
application/x-iso9660-image     iso
application/vnd.debian.binary-package deb udeb
application/x-rpm               rpm
application/x-x509-ca-cert      der crt
application/x-pem-file          pem
application/pgp-signature       sig
application/postscript          ps eps ai
application/sql                 sql
application/graphql             graphql gql
application/msword              doc
application/vnd.ms-excel        xls
application/vnd.ms-powerpoint   ppt pps
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet       xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.oasis.opendocument.text         odt
application/vnd.oasis.opendocument.spreadsheet  ods
application/vnd.oasis.opendocument.presentation odp
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.sqlite3         sqlite sqlite3 db
application/vnd.ms-fontobject   eot
application/vnd.apple.mpegurl   m3u8 m3u
application/dash+xml            mpd
application/octet-stream        bin exe dll so img pak dat
font/woff                       woff
font/woff2                      woff2
font/ttf                        ttf
font/otf                        otf
font/collection                 ttc
image/png                       png
image/apng                      apng
image/jpeg                      jpg jpeg jpe jfif
image/gif                       gif
image/webp                      webp
image/avif                      avif
image/heic                      heic
image/heif                      heif
image/jxl                       jxl
image/svg+xml                   svg svgz
image/x-icon                    ico cur
image/bmp                       bmp
image/tiff                      tif tiff
model/gltf+json                 gltf
model/gltf-binary               glb
model/stl                       stl
model/obj                       obj
audio/mpeg                      mp3 mp2
audio/mp4                       m4a
audio/aac                       aac adts
audio/ogg                       oga ogg opus
audio/wav                       wav
audio/webm                      weba
audio/flac                      flac
audio/midi                      mid midi
video/mp4                       mp4 m4v
video/mpeg                      mpeg mpg mpe m1v
video/webm                      webm
video/ogg                       ogv
video/quicktime                 mov qt
video/x-msvideo                 avi
video/x-matroska                mkv
video/mp2t                      m2ts
video/3gpp                      3gp 3gpp
# --- what phones, browsers and app stores act upon
application/vnd.apple.pkpass    pkpass
application/vnd.apple.pkpasses  pkpasses
application/x-apple-aspen-config mobileconfig
application/x-apple-aspen-mobileprovision mobileprovision provisionprofile
application/x-itunes-ipa        ipa
text/xml                        plist
application/vnd.apple.installer+xml mpkg
application/x-xpinstall         xpi
application/x-chrome-extension  crx
application/x-msi               msi
application/msix                msix
application/msixbundle          msixbundle
application/appx                appx
application/appxbundle          appxbundle
application/appinstaller        appinstaller
application/vnd.ms-cab-compressed cab
application/x-java-jnlp-file    jnlp
application/vnd.flatpak         flatpak
application/vnd.flatpak.ref     flatpakref
application/vnd.flatpak.repo    flatpakrepo
application/vnd.appimage        appimage
application/vnd.snap            snap
application/x-bittorrent        torrent
application/x-rdp               rdp
application/x-openvpn-profile   ovpn
application/metalink4+xml       meta4
application/metalink+xml        metalink
application/vsix                vsix
# --- sources that build tools and editors keep next to the result
text/x-scss                     scss
text/x-sass                     sass
text/x-less                     less
text/x-stylus                   styl
text/x-vue                      vue
text/x-svelte                   svelte
text/x-astro                    astro
text/mdx                        mdx
text/x-coffeescript             coffee
text/x-pug                      pug
text/x-handlebars-template      hbs
text/wgsl                       wgsl
text/x-glsl                     glsl vert frag comp geom
application/importmap+json      importmap
# --- augmented reality and models
model/vnd.usdz+zip              usdz
model/vnd.usda                  usda
model/vnd.reality               reality
model/3mf                       3mf
model/mtl                       mtl
model/step                      step stp
model/vnd.collada+xml           dae
# --- certificates and keys
application/pkix-cert           cer
application/pkix-crl            crl
application/pkcs10              p10
application/pkcs12              p12 pfx
application/pkcs7-mime          p7m p7c
application/pkcs7-signature     p7s
application/x-pkcs7-certificates p7b
# --- data
application/cbor                cbor
application/n-quads             nq
application/n-triples           nt
application/trig                trig
text/turtle                     ttl
text/vnd.graphviz               gv dot
text/n3                         n3
application/sparql-query        rq
application/jsonl               jsonl ndjson
application/json5               json5
application/gpx+xml             gpx
application/topo+json           topojson
application/vnd.apache.arrow.file arrow feather
application/vnd.apache.arrow.stream arrows
application/vnd.apache.parquet  parquet
application/x-hdf5              h5 hdf5
application/x-netcdf            nc
application/x-ipynb+json        ipynb
application/vnd.mapbox-vector-tile mvt
application/vnd.pmtiles         pmtiles
application/vnd.tcpdump.pcap    pcap cap
application/warc                warc
application/x-protobuf          pb
application/har+json            har
# --- documents
application/vnd.ms-word.document.macroEnabled.12 docm
application/vnd.ms-excel.sheet.macroEnabled.12 xlsm
application/vnd.ms-excel.sheet.binary.macroEnabled.12 xlsb
application/vnd.ms-powerpoint.presentation.macroEnabled.12 pptm
application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
application/vnd.openxmlformats-officedocument.presentationml.template potx
application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.formula  odf
application/vnd.ms-outlook      msg
application/vnd.amazon.mobi8-ebook azw3
application/x-mobipocket-ebook  mobi prc
application/vnd.comicbook+zip   cbz
application/vnd.comicbook-rar   cbr
application/mbox                mbox
message/rfc822                  eml mht mhtml
application/x-tex               tex
application/oxps                oxps
application/vnd.ms-xpsdocument  xps
text/x-opml                     opml
application/ttml+xml            ttml dfxp
# --- archives
application/x-lzip              lz
application/x-lzma              lzma
application/x-cpio              cpio
application/x-lz4               lz4
# --- pictures, sound and film
image/jp2                       jp2 jpg2
image/jxr                       jxr
image/jxs                       jxs
image/ktx                       ktx
image/ktx2                      ktx2
image/qoi                       qoi
image/vnd.adobe.photoshop       psd
image/vnd.djvu                  djvu djv
image/vnd.dwg                   dwg
image/vnd.dxf                   dxf
image/vnd.radiance              hdr
image/aces                      exr
image/vnd.ms-dds                dds
image/x-tga                     tga
image/x-portable-anymap         pnm
image/x-portable-bitmap         pbm
image/x-portable-graymap        pgm
image/x-portable-pixmap         ppm
image/x-xbitmap                 xbm
image/x-xpixmap                 xpm
image/wmf                       wmf
image/emf                       emf
audio/AMR                       amr
audio/basic                     au snd
audio/x-aiff                    aif aiff aifc
audio/x-caf                     caf
audio/matroska                  mka
audio/x-ms-wma                  wma
audio/x-scpls                   pls
video/x-flv                     flv
video/x-f4v                     f4v
application/vnd.ms-asf          asf
video/x-ms-wmv                  wmv
video/3gpp2                     3g2
video/iso.segment               m4s cmfv cmfa cmft
application/mxf                 mxf
application/smil+xml            smil
"""
