using System.Buffers.Binary;
using System.Text;

namespace Faultrec.Testing;

/// <summary>
/// Side-band records as the kernel writes them (perf_event_open(2), "MMAP layout"; sample_id_all with TIME only), byte by byte.
/// </summary>
internal sealed class PerfRecords
{
    private readonly MemoryStream _bytes = new();

    public byte[] ToArray() => _bytes.ToArray();

    public PerfRecords Mmap2(
        long timeNs, int pid, ulong start, ulong end, string name, uint prot = 3, ulong inode = 0, ulong fileOffset = 0, uint flags = 2, ushort misc = 0)
        => Record(10, misc, timeNs, body => body
            .U32((uint)pid).U32((uint)pid).U64(start).U64(end - start).U64(fileOffset)
            .U32(inode == 0 ? 0u : 8u).U32(inode == 0 ? 0u : 1u).U64(inode).U64(0).U32(prot).U32(flags).Text(name));

    public PerfRecords Comm(long timeNs, int pid, int tid, string comm, bool exec = false)
        => Record(3, exec ? (ushort)(1 << 13) : (ushort)0, timeNs, body => body.U32((uint)pid).U32((uint)tid).Text(comm));

    public PerfRecords Fork(long timeNs, int pid, int tid, int parentPid, int parentTid) => Task(7, timeNs, pid, tid, parentPid, parentTid);

    public PerfRecords Exit(long timeNs, int pid, int tid) => Task(4, timeNs, pid, tid, pid, tid);

    public PerfRecords Lost(long timeNs, ulong lost) => Record(2, 0, timeNs, body => body.U64(7).U64(lost));

    /// <summary>A type that we never ask for.</summary>
    public PerfRecords Unknown(long timeNs) => Record(16, 0, timeNs, body => body.U64(1).U64(2));

    private PerfRecords Task(uint type, long timeNs, int pid, int tid, int parentPid, int parentTid)
        => Record(type, 0, timeNs, body => body.U32((uint)pid).U32((uint)parentPid).U32((uint)tid).U32((uint)parentTid).U64((ulong)timeNs));

    private PerfRecords Record(uint type, ushort misc, long timeNs, Func<Body, Body> fill)
    {
        var body = fill(new Body()).U64((ulong)timeNs).Bytes;
        Span<byte> header = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], misc);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)(header.Length + body.Length));
        _bytes.Write(header);
        _bytes.Write(body);
        return this;
    }

    private sealed class Body
    {
        private readonly List<byte> _bytes = [];

        public byte[] Bytes => [.. _bytes];

        public Body U32(uint value)
        {
            _bytes.AddRange(BitConverter.GetBytes(value));
            return this;
        }

        public Body U64(ulong value)
        {
            _bytes.AddRange(BitConverter.GetBytes(value));
            return this;
        }

        // NUL-terminated, padded to eight bytes.
        public Body Text(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            _bytes.AddRange(bytes);
            _bytes.AddRange(new byte[8 - (bytes.Length % 8)]);
            return this;
        }
    }
}
