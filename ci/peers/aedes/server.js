// SPDX-License-Identifier: MIT OR Apache-2.0
// The broker aedes on loopback: node server.js [first] PORT. It keeps sessions and retained messages in memory. With `first` it counts packet
// identifiers from 1 in each connection, where it else begins with a random number.
'use strict'

const aedes = require('aedes')({ heartbeatInterval: 60000 })
const server = require('net').createServer((stream) => {
  stream.setNoDelay(true)
  aedes.handle(stream)
})
if (process.argv[2] === 'first') aedes.on('client', (client) => { client._nextId = 1 })
server.listen(Number(process.argv[process.argv.length - 1]), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
