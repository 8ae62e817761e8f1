-- Adapter: lua-http (Debian: lua-http, lua5.3).  Lines are found by patterns: see protocol.py.
local found, hpack = pcall(require, "http.hpack")
if not found then
	io.stderr:write("apt-get install lua-http lua5.3\n")
	os.exit(77)
end
local new_headers = require "http.headers".new

if arg[1] == "--version" then
	print("lua-http " .. require "http.version".version)
	os.exit(0)
end

local function octets(digits)
	return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function hex(text)
	return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local function quoted(text)
	return '"' .. tostring(text):gsub('[%c"\\\128-\255]', function(char)
		return ("\\u%04x"):format(char:byte())
	end) .. '"'
end

local decoder, encoder

local function decode(wire, sizes)
	for size in sizes:gmatch("%d+") do decoder:set_max_dynamic_table_size(tonumber(size)) end
	local block = octets(wire)
	local list, position = decoder:decode_headers(block)
	if not list then return ('{"error":%s}'):format(quoted(position)) end
	if position ~= #block + 1 then return '{"error":"the block ends too early"}' end
	local fields, sensitive = {}, {}
	for name, value, never in list:each() do
		if never then sensitive[#sensitive + 1] = #fields end
		fields[#fields + 1] = ('["%s","%s"]'):format(hex(name), hex(value))
	end
	return ('{"fields":[%s],"sensitive":[%s]}'):format(
		table.concat(fields, ","), table.concat(sensitive, ","))
end

local function encode(line, sizes)
	-- As lua-http's connections do it: each setting is written into the next block at once.
	for size in sizes:gmatch("%d+") do
		encoder:set_max_dynamic_table_size(tonumber(size))
		encoder:encode_max_size(tonumber(size))
	end
	local sensitive = {}
	for place in (line:match('"sensitive":%[([%d,]*)%]') or ""):gmatch("%d+") do
		sensitive[tonumber(place)] = true
	end
	local headers, place = new_headers(), 0
	for name, value in line:gmatch('%["(%x*)","(%x*)"%]') do
		headers:append(octets(name), octets(value), sensitive[place])
		place = place + 1
	end
	encoder:encode_headers(headers)
	local block = encoder:render_data()
	encoder:clear_data()
	return ('{"wire":"%s"}'):format(hex(block))
end

io.stdout:setvbuf("line")
for line in io.lines() do
	if line:find('"reset"', 1, true) then
		decoder, encoder = hpack.new(4096), hpack.new(4096)
	else
		local sizes = line:match('^{"header_table_sizes":%[([%d,]*)%]') or ""
		local wire = line:match('"wire":"(%x*)"')
		local done, answer
		if wire then
			done, answer = pcall(decode, wire, sizes)
		else
			done, answer = pcall(encode, line, sizes)
		end
		print(done and answer or ('{"crash":%s}'):format(quoted(answer)))
	end
end
