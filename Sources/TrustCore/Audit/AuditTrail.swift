/// Where events are recorded (R11). A shell implements it over a file; what it records is never dropped silently.
package protocol AuditTrail: AnyObject {
    /// Appends `event`, with the time of now, to the log.
    func record(_ event: AuditEvent)
}
