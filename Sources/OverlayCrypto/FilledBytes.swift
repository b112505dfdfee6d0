/// `byteCount` bytes that `body` writes, or nil when the status that it returns is not zero, as libsodium means it.
///
/// The address that `body` gets is good for `byteCount` bytes, and never null even when that is none.
@unsafe
func filledBytes(_ byteCount: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int32) -> [UInt8]? {
    var status: Int32 = -1
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(byteCount, 1)) { output, count in
        guard let base = output.baseAddress else { preconditionFailure("an array with a capacity has an address") }
        status = unsafe body(base)
        count = status == 0 ? byteCount : 0
    }
    return status == 0 ? bytes : nil
}
