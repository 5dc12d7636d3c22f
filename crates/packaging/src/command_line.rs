//! Man pages and shell completions, from the program's command line.

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;

/// The file of each shell's completions, below `/usr/share`. Where zsh looks for
/// its own depends on the distribution.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/amperity_exporter"),
    (Shell::Zsh, "zsh/_amperity_exporter"),
    (
        Shell::Fish,
        "fish/vendor_completions.d/amperity_exporter.fish",
    ),
];

/// Writes man pages and completions below `folder`, as they are installed below
/// `/usr/share`.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    // A page names the version of the program, not the build.
    let mut command = amperity_exporter::cli::command_line().version(env!("CARGO_PKG_VERSION"));
    let pages = folder.join("man/man1");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for (shell, path) in COMPLETIONS {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create(path)?;
        clap_complete::generate(shell, &mut command, "amperity_exporter", &mut file);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_completions_have_every_flag() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        let page = read("man/man1/amperity_exporter.1");
        let completions = COMPLETIONS.map(|(_, path)| read(path));
        let command = amperity_exporter::cli::command_line();
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            let escaped = flag.replace('-', "\\-");
            assert!(page.contains(&format!("\\-\\-{escaped}")), "{flag}\n{page}");
            for text in &completions {
                assert!(text.contains(flag), "{flag}\n{text}");
            }
        }
        for subcommand in command.get_subcommands().map(clap::Command::get_name) {
            let page = read(&format!("man/man1/amperity_exporter-{subcommand}.1"));
            assert!(page.contains(subcommand), "{page}");
        }
    }
}
