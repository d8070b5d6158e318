using System.Runtime.InteropServices;
using Faultrec.Traces.Native;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Spool;

/// <summary>An existing spool under the name that a new one needs.</summary>
internal static class SpoolLeft
{
    /// <summary>
    /// Removes a spool that ends before its header does: its recorder was killed before anything was recorded. A spool whose recorder
    /// runs, and any other file, is kept.
    /// </summary>
    public static bool RemoveIfEmpty(OutputFolder folder, string name)
    {
        using var file = folder is LinuxFolder linux ? linux.OpenHere(name, FileCalls.ReadOnly | FileCalls.NonBlocking) : null;
        if (file is null || !IsEmpty(file) || !TryLock(file, exclusive: true))
            return false;
        // Its recorder may have been about to take the lock, and would then find the file gone.
        if (folder.Find(name)?.Identity != FoundFile.Read(file).Identity || !IsEmpty(file))
            return false;
        folder.Remove(name);
        return true;
    }

    /// <summary>flock(2): a recorder holds the lock shared for as long as it lives.</summary>
    public static bool TryLock(SafeFileHandle file, bool exclusive)
    {
        var operation = (exclusive ? FileCalls.LockExclusive : FileCalls.LockShared) | FileCalls.LockAtOnce;
        // A file system without locks does not prevent recording.
        return FileCalls.Flock(file, operation) == 0 || Marshal.GetLastPInvokeError() != FileCalls.Eagain;
    }

    // SAFETY: sizeof, no pointer.
    private static unsafe bool IsEmpty(SafeFileHandle file)
    {
        var found = FoundFile.Read(file);
        if (found.Kind != FileKind.Regular || found.Bytes == 0)
            return found.Kind == FileKind.Regular;
        var head = default(SpoolRecordHeader);
        var read = RandomAccess.Read(file, MemoryMarshal.AsBytes(new Span<SpoolRecordHeader>(ref head)), 0);
        return read >= sizeof(uint) && head.Magic == SpoolRecordHeader.ExpectedMagic
            && (read < sizeof(SpoolRecordHeader) || (head.Type == SpoolRecordType.Header && found.Bytes < sizeof(SpoolRecordHeader) + (long)head.Length));
    }
}
