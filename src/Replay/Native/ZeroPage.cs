using System.Buffers.Binary;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Native;

/// <summary>
/// Whether a read of untouched anonymous memory maps the zero page, as it does unless the kernel was built or booted not to: some
/// virtual machines' are.
/// </summary>
internal static class ZeroPage
{
    private const int PrivateAnonymous = 0x22;

    // Documentation/admin-guide/mm/pagemap.rst: mapped by this page table alone. The zero page never is.
    private const ulong Exclusive = 1UL << 56;

    /// <summary>True where it cannot be seen.</summary>
    // SAFETY: the mapping is one page, and there until the end of this method.
    public static unsafe bool IsMappedForReads()
    {
        var bytes = (nuint)PageGeometry.Here.PageBytes;
        var memory = Libc.Mmap(0, bytes, Libc.ProtRead | Libc.ProtWrite, PrivateAnonymous, -1, 0);
        if (memory == -1)
            return true;
        try
        {
            _ = Volatile.Read(ref *(byte*)memory);
            Span<byte> entry = stackalloc byte[sizeof(ulong)];
            using var pagemap = File.OpenHandle("/proc/self/pagemap");
            return RandomAccess.Read(pagemap, entry, PageGeometry.Here.PageOf((ulong)memory) * sizeof(ulong)) < entry.Length
                || (BinaryPrimitives.ReadUInt64LittleEndian(entry) & Exclusive) == 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
        finally
        {
            _ = Libc.Munmap(memory, bytes);
        }
    }
}
