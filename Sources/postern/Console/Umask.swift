#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes every file, directory and socket that this process makes from now on its owner's alone.
func restrictNewFiles() {
    umask(0o077)
}
