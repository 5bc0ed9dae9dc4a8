// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node's block with the port's state in it, and its services as safe calls.

use core::ffi::c_void;
use mote::address::Ip;
use mote::linux::{mote_linux_options, mote_port_linux};
use mote::port::*;
use mote::status::Error;
use std::mem::zeroed;
use std::ptr;

pub const WOULD_BLOCK: i32 = Error::WouldBlock.code();

/// An open port.
pub struct Port {
    pub table: mote_port,
    block: Vec<u128>,
}

pub fn address(text: &str, port: u16) -> mote_address {
    mote_address { ip: Ip::parse(text).unwrap().0, scope: 0, port, reserved: 0 }
}

pub fn datagram(buffer: &mut [u8]) -> mote_port_datagram {
    mote_port_datagram {
        remote: mote_address::default(),
        local: mote_address::default(),
        data: buffer.as_mut_ptr(),
        len: buffer.len(),
        flags: 0,
        reserved: 0,
    }
}

pub fn to(remote: mote_address, data: &[u8]) -> mote_port_datagram {
    // Sending only reads.
    let mut datagram = datagram(&mut []);
    datagram.remote = remote;
    datagram.data = data.as_ptr().cast_mut();
    datagram.len = data.len();
    datagram
}

fn outcome<T>(status: i32, value: T) -> Result<T, i32> {
    if status == 0 { Ok(value) } else { Err(status) }
}

impl Port {
    pub fn new() -> Port {
        // SAFETY: integers and pointers; all zero is a value of each.
        let mut options: mote_linux_options = unsafe { zeroed() };
        options.size = size_of::<mote_linux_options>() as u32;
        Port::with(&mut options).unwrap()
    }

    pub fn with(options: &mut mote_linux_options) -> Result<Port, i32> {
        // SAFETY: never NULL.
        let mut table = unsafe { *mote_port_linux() };
        assert_eq!(table.size as usize, size_of::<mote_port>());
        assert!(table.state_size <= 512);
        table.user = ptr::from_mut(options).cast();
        let mut block = vec![0u128; (table.state_size as usize).div_ceil(16)];
        // SAFETY: zeroed, aligned to 16, large enough.
        let status = unsafe { table.open.unwrap()(block.as_mut_ptr().cast(), table.user) };
        outcome(status, Port { table, block })
    }

    pub fn state(&self) -> *mut c_void {
        self.block.as_ptr().cast_mut().cast()
    }

    pub fn now(&self) -> u64 {
        // SAFETY: the table is complete and the state open, here and below.
        unsafe { (*self.table.clock).now.unwrap()(self.state()) }
    }

    pub fn alarm(&self) -> mote_port_alarm {
        // SAFETY: as above.
        unsafe { *self.table.alarm }
    }

    /// What became ready within `ms` milliseconds.
    pub fn wait(&self, ms: u64) -> Vec<mote_port_ready> {
        let mut ready = [mote_port_ready::default(); 8];
        let mut count = usize::MAX;
        let deadline = if ms == 0 { 0 } else { self.now() + ms };
        // SAFETY: as above.
        let status = unsafe {
            self.alarm().wait.unwrap()(self.state(), deadline, ready.as_mut_ptr(), ready.len(), &mut count)
        };
        assert_eq!(status, 0);
        ready[..count].to_vec()
    }

    pub fn udp(&self) -> mote_port_udp {
        // SAFETY: as above.
        unsafe { *self.table.udp }
    }

    pub fn udp_open(&self, local: mote_address, options: u32, token: u32) -> Result<usize, i32> {
        let mut socket = 0;
        // SAFETY: as above.
        let status = unsafe { self.udp().open.unwrap()(self.state(), &local, options, token, &mut socket) };
        outcome(status, socket)
    }

    pub fn udp_close(&self, socket: usize) {
        // SAFETY: as above.
        unsafe { self.udp().close.unwrap()(self.state(), socket) }
    }

    pub fn udp_port(&self, socket: usize) -> u16 {
        let mut local = mote_address::default();
        // SAFETY: as above.
        assert_eq!(unsafe { self.udp().local_address.unwrap()(self.state(), socket, &mut local) }, 0);
        local.port
    }

    pub fn udp_send(&self, socket: usize, datagrams: &[mote_port_datagram]) -> Result<usize, i32> {
        let mut sent = usize::MAX;
        // SAFETY: as above.
        let status = unsafe {
            self.udp().send.unwrap()(self.state(), socket, datagrams.as_ptr(), datagrams.len(), &mut sent)
        };
        assert_eq!(status == 0, sent != usize::MAX, "outputs are written on success only");
        outcome(status, sent)
    }

    pub fn udp_receive(&self, socket: usize, datagrams: &mut [mote_port_datagram]) -> Result<usize, i32> {
        let mut count = usize::MAX;
        // SAFETY: as above.
        let status = unsafe {
            self.udp().receive.unwrap()(
                self.state(),
                socket,
                datagrams.as_mut_ptr(),
                datagrams.len(),
                &mut count,
            )
        };
        assert_eq!(status == 0, count != usize::MAX, "outputs are written on success only");
        outcome(status, count)
    }

    pub fn udp_group(&self, socket: usize, group: mote_address, join: bool) -> i32 {
        let udp = self.udp();
        let call = if join { udp.join.unwrap() } else { udp.leave.unwrap() };
        // SAFETY: as above.
        unsafe { call(self.state(), socket, &group) }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // SAFETY: as above; nothing is called afterwards.
        unsafe { self.table.close.unwrap()(self.state()) }
    }
}
