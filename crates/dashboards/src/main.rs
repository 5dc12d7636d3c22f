//! Writes the dashboards to `dashboards/`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    for (name, json) in amperity_dashboards::files() {
        std::fs::write(folder.join(name), json)?;
    }
    Ok(())
}
