// The co-process protocol of hpack-conformance, for adapters in JavaScript: see protocol.py.
'use strict';
const readline = require('readline');

/** The module `name`, or exit code 77: it is not installed. */
exports.codec = function (name) {
  try {
    return require(require.resolve(name, { paths: [process.env.NODE_MODULES || process.cwd()] }));
  } catch (error) {
    process.stderr.write(`npm install ${name}\n`);
    process.exit(77);
  }
};

/** `open` makes a connection: an object with decode(block, sizes) and encode(fields, sizes, sensitive). */
exports.serve = function (version, open, isRefusal) {
  if (process.argv[2] === '--version') {
    console.log(version);
    return;
  }
  let connection = open();
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const request = JSON.parse(line);
    if (request.reset) {
      connection = open();
      return;
    }
    const sizes = request.header_table_sizes || [];
    let answer;
    try {
      if (request.wire !== undefined) {
        const fields = connection.decode(Buffer.from(request.wire, 'hex'), sizes);
        answer = { fields: fields.map((pair) => pair.map((octets) => octets.toString('hex'))) };
      } else {
        const fields = request.fields.map((pair) => pair.map((hex) => Buffer.from(hex, 'hex')));
        const block = connection.encode(fields, sizes, request.sensitive || []);
        answer = { wire: block.toString('hex') };
      }
    } catch (error) {
      if (error.skip) answer = { skip: error.skip };
      else answer = { [isRefusal(error) ? 'error' : 'crash']: `${error.name}: ${error.message}` };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  });
};

/** Throw this where the codec has no function for what is asked. */
exports.skip = (reason) => Object.assign(new Error(reason), { skip: reason });
