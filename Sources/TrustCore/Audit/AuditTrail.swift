package import PosternModel

/// Where events are recorded (R11). A shell implements it over a file; what it records is never dropped silently.
package protocol AuditTrail: AnyObject {
    /// Appends `event`, which happened at `time`, to the log.
    func record(_ event: AuditEvent, at time: Timestamp)
}
