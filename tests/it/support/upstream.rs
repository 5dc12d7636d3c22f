//! The simulated API on a loopback socket, for exporters that are processes.

use std::fmt::Write as _;
use std::net::SocketAddr;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Simulator, World};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A simulator that is served in this process until it is dropped.
pub(crate) struct Upstream {
    pub(crate) simulator: Simulator,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Upstream {
    /// Serves this world, at the time of the system's clock.
    pub(crate) async fn serve(world: World) -> Self {
        let simulator = Simulator::new(world, || Clock::system().now());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving =
            amperity_simulator::serve(listener, simulator.clone(), std::future::pending());
        Self {
            serving: tokio::spawn(serving),
            simulator,
            address,
        }
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the API is.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// A configuration that exports all tenants every second, with this YAML
    /// before them.
    pub(crate) fn configuration(&self, beginning: &str) -> String {
        let mut text = format!(
            "refresh: {{interval: 1s}}\n\
             api: {{base_url: \"{}\"}}\n\
             {beginning}\n\
             tenants:\n",
            self.base_url()
        );
        for credentials in self.simulator.credentials() {
            let (tenant, token) = (credentials.tenant, credentials.token);
            writeln!(
                text,
                "  - {{tenant: {tenant}, authorization: {{credentials: {token}}}, \
                 discovery: {{window: 1h}}, collect: {{jobs: false}}}}"
            )
            .unwrap();
        }
        text
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
