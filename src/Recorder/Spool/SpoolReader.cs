using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Spool;

/// <summary>Reads records in order, up to the end of the file or the first damaged record, whichever comes first.</summary>
internal sealed class SpoolReader : IDisposable
{
    // MaxFaultsPerRecord records, or one drain of a side-band ring.
    private const int MaxRecordsLength = 8 << 20;

    // SAFETY: sizeof, no pointer.
    private static readonly unsafe int MaxStackLength =
        sizeof(PythonCodeHead) + PythonCodeHead.FileChars + PythonCodeHead.NameChars + PythonCodeHead.MaxLineBytes;

    // A command line of 2 MiB, or the maps of a process with a million mappings.
    private const int MaxJsonLength = 256 << 20;

    private const int BufferSize = 1 << 16;

    private readonly FileStream _file;
    private readonly string _path;
    private long _checkedBytes;
    private byte[] _payload = new byte[1 << 20];

    public SpoolReader(string path)
        : this(path, OpenFile(path))
    {
    }

    /// <param name="path">For messages: where the file was made. By now there may be another file.</param>
    /// <param name="file">Stays open.</param>
    public SpoolReader(string path, SafeFileHandle file)
        : this(path, new FileStream(new SafeFileHandle(file.DangerousGetHandle(), ownsHandle: false), FileAccess.Read, BufferSize))
    {
    }

    private SpoolReader(string path, FileStream file)
    {
        _path = path;
        _file = file;
        Length = _file.Length;
        if (!Next() || Type != SpoolRecordType.Header)
        {
            Dispose();
            throw new FaultrecException(
                ExitCode.BadInput, $"{path}: not a faultrec spool (no readable header record); expected the .spool file of an interrupted recording");
        }

        try
        {
            Header = ParseHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public SpoolHeader Header { get; }

    public SpoolRecordType Type { get; private set; }

    public int Cpu { get; private set; }

    /// <summary>Payload of the record that <see cref="Next"/> found; valid until the next call.</summary>
    public ReadOnlySpan<byte> Payload => _payload.AsSpan(0, PayloadLength);

    public int PayloadLength { get; private set; }

    /// <summary>Served faults in the record.</summary>
    public int Faults => BytesPerFault(Type) is > 0 and var bytes ? PayloadLength / bytes : 0;

    /// <summary>Of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>The most faults that fit into the file.</summary>
    // SAFETY: sizeof, no pointer.
    public unsafe long MostFaults => Length / sizeof(FaultRecord);

    /// <summary>Where the next record begins; after the last one, where readable data ends.</summary>
    public long Position { get; private set; }

    public ReadOnlySpan<T> Records<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(Payload);

    public bool Next()
    {
        var header = default(SpoolRecordHeader);
        var headerBytes = MemoryMarshal.AsBytes(new Span<SpoolRecordHeader>(ref header));
        _file.Position = Position;
        if (_file.ReadAtLeast(headerBytes, headerBytes.Length, throwOnEndOfStream: false) < headerBytes.Length)
            return false;
        if (header.Magic != SpoolRecordHeader.ExpectedMagic || !IsPlausible(header.Type, header.Length) || header.Length > Length - _file.Position)
            return false;
        if (_payload.Length < header.Length)
            _payload = new byte[header.Length];
        _file.ReadExactly(_payload.AsSpan(0, header.Length));
        PayloadLength = header.Length;
        if (Position >= _checkedBytes && Crc32C.Append(header.CrcOfHead, Payload) != header.Checksum)
            return false;
        Type = header.Type;
        Cpu = header.Cpu;
        Position = _file.Position;
        _checkedBytes = Math.Max(_checkedBytes, Position);
        return true;
    }

    /// <summary>Goes back to the record after the header. Checksums that were right are not looked at again.</summary>
    public void Rewind()
    {
        Position = 0;
        Next();
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Correct checksums over invalid contents: a killed recorder does not leave this.</summary>
    public static FaultrecException Damaged(string path, Exception problem)
        => new(ExitCode.BadInput, $"{path}: the spool is damaged ({problem.Message}); expected a spool as a recording leaves it", problem);

    /// <summary>Checked before the payload is read: a damaged length must not cause a large allocation.</summary>
    // SAFETY: sizeof, no pointer.
    private static unsafe bool IsPlausible(SpoolRecordType type, int length) => type switch
    {
        SpoolRecordType.Header or SpoolRecordType.Maps or SpoolRecordType.Resident or SpoolRecordType.Marks or SpoolRecordType.End
            => length is > 0 and <= MaxJsonLength,
        SpoolRecordType.Pass => length == sizeof(PassRecord),
        SpoolRecordType.Faults or SpoolRecordType.StackedFaults or SpoolRecordType.DetailedFaults
            => length is > 0 and <= MaxRecordsLength && length % BytesPerFault(type) == 0,
        SpoolRecordType.Sideband => length is > 0 and <= MaxRecordsLength,
        SpoolRecordType.Stack => length >= sizeof(StackRecordHead) + sizeof(ulong) && length <= MaxStackLength,
        SpoolRecordType.Event => length == sizeof(EventRecord),
        SpoolRecordType.Loss => length == sizeof(LossRecord),
        SpoolRecordType.Memory => length is > 0 and <= MaxRecordsLength && length % sizeof(MemoryRecord) == 0,
        _ => false,
    };

    /// <summary>0: records of this type hold no served faults.</summary>
    // SAFETY: sizeof, no pointer.
    public static unsafe int BytesPerFault(SpoolRecordType type) => type switch
    {
        SpoolRecordType.Faults => sizeof(FaultRecord),
        SpoolRecordType.StackedFaults => sizeof(StackedFault),
        SpoolRecordType.DetailedFaults => sizeof(DetailedFault),
        _ => 0,
    };

    /// <summary>A recorder holds a shared lock on its spool (flock, by FileShare.Read); an exclusive one is possible only when it has ended.</summary>
    public static void RefuseIfRecording(string path)
    {
        if (!File.Exists(path))
            return; // opening it gives the better error
        RequireRegular(path);
        try
        {
            using var exclusive = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
        }
        catch (IOException e)
        {
            throw new FaultrecException(
                ExitCode.BadInput, $"{path}: its recording is still running; end it with Ctrl-C, or recover the spool after its recorder was killed", e);
        }
        catch (UnauthorizedAccessException)
        {
            // Opening it gives the better error.
        }
    }

    private static FileStream OpenFile(string path)
    {
        RequireRegular(path);
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, BufferSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.BadInput, $"{path}: cannot be read ({e.Message}); expected a spool file", e);
        }
    }

    private static void RequireRegular(string path)
    {
        if (Traces.Native.RegularFile.IsOther(path))
            throw new FaultrecException(ExitCode.BadInput, $"{path}: is not a regular file; expected a spool file");
    }

    private SpoolHeader ParseHeader()
    {
        try
        {
            var version = SpoolJson.Parse(Payload, SpoolJson.Default.SpoolVersionOnly).SpoolVersion;
            if (version != SpoolHeader.CurrentVersion)
            {
                throw new FaultrecException(
                    ExitCode.BadInput,
                    $"{_path}: spool version {version}, but this faultrec reads {SpoolHeader.CurrentVersion}: recover it with the version that recorded it");
            }

            var header = SpoolJson.Parse(Payload, SpoolJson.Default.SpoolHeader);
            return header with { Metadata = MetadataJson.Checked(header.Metadata) };
        }
        catch (Exception e) when (e is InvalidDataException or MetadataException)
        {
            throw Damaged(_path, e);
        }
    }
}
