//! Files are there whole or not at all: what stops half way leaves what was there before.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Writes a file: under another name beside it first, which then takes its place.
///
/// What is no ordinary file (a pipe, a device such as `/dev/stdout`) is written to as it is; a link stays a link, and what
/// it leads to is replaced. The permissions of a file that is replaced stay.
///
/// # Errors
/// What the system says.
pub fn write_whole(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    let path = path.as_ref();
    let known = fs::metadata(path);
    if known.as_ref().is_ok_and(|known| !known.is_file()) {
        return fs::write(path, bytes);
    }
    let target = if known.is_ok() { fs::canonicalize(path)? } else { path.to_owned() };
    let part = Part::beside(&target);
    if let Err(error) = fs::write(&part.0, bytes) {
        let _ = fs::remove_file(&part.0);
        // a folder in which nothing new may be made, around a file that may be written
        return if known.is_ok() && !is_full(&error) { fs::write(&target, bytes) } else { Err(error) };
    }
    if let Ok(known) = known {
        let _ = fs::set_permissions(&part.0, known.permissions());
    }
    fs::rename(&part.0, &target).inspect_err(|_| {
        let _ = fs::remove_file(&part.0);
    })
}

/// Files that are being written, for [`give_up_files`].
static PARTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what files are half written, and lets no other be begun: for a program that is about to end.
pub fn give_up_files() {
    let parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    for part in parts.iter() {
        let _ = fs::remove_file(part);
    }
    // whoever wants to write waits for the end
    std::mem::forget(parts);
}

/// The other name of a file that is being written.
struct Part(PathBuf);

impl Part {
    /// `.name.part-PID`, in the same folder.
    fn beside(target: &Path) -> Self {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let part = target.with_file_name(format!(".{name}.part-{}", std::process::id()));
        PARTS.lock().unwrap_or_else(PoisonError::into_inner).insert(part.clone());
        Self(part)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        PARTS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Whether there is no room, so that writing in place would lose what is there.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("matgrad-whole-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = folder("replaced");
        let file = folder.join("a.txt");
        for text in ["long enough", "new"] {
            write_whole(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = folder("nowhere");
        assert!(write_whole(folder.join("not/there.txt"), b"x").is_err());
        assert!(write_whole(&folder, b"x").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_permissions_and_devices_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = folder("links");
        let (file, link) = (folder.join("a.txt"), folder.join("b.txt"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        write_whole("/dev/null", b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        fs::remove_dir_all(&folder).unwrap();
    }
}
