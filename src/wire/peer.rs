//! Where a client is: at an address of the network, or on this machine.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Connected by TCP, from here.
    Network(SocketAddr),
    /// Connected by the Unix socket.
    Local,
}

impl Peer {
    /// Whether it is on this machine.
    pub fn is_local(self) -> bool {
        match self {
            Self::Network(address) => address.ip().to_canonical().is_loopback(),
            Self::Local => true,
        }
    }

    /// The address without its port, if it has one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) => Some(address.ip().to_canonical()),
            Self::Local => None,
        }
    }

    /// The client's host as MySQL shows it: names are not looked up, but this machine has one.
    pub fn host(self) -> String {
        match self.ip() {
            Some(ip) if !self.is_local() => ip.to_string(),
            _ => "localhost".to_owned(),
        }
    }
}

/// As the process list shows it.
impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(formatter),
            Self::Local => formatter.write_str("localhost"),
        }
    }
}
