// SPDX-License-Identifier: MIT OR Apache-2.0
// The broker aedes on loopback: node server.js PORT. It keeps sessions and retained messages in memory.
'use strict'

const aedes = require('aedes')({ heartbeatInterval: 60000 })
const server = require('net').createServer((stream) => {
  stream.setNoDelay(true)
  aedes.handle(stream)
})
server.listen(Number(process.argv[2]), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
