using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Native;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Marks;

/// <summary>
/// The named pipe to which marks are written while a recording runs, in a folder of its own that goes with it. The folder and its parent belong to
/// the recorder's user (or, as /tmp, let nobody rename what is another's), so what is opened and removed here is what was made here.
/// </summary>
internal sealed class MarkPipe : IDisposable
{
    /// <summary>Marks of a recording; further ones are counted.</summary>
    public const int MostMarks = 10_000;

    private const int MostAtOnce = 64 * 1024; // what a pipe holds
    private const int MostAtEnd = 1 << 20; // what its owner can make it hold (/proc/sys/fs/pipe-max-size)
    private const UnixFileMode OwnerFolder = OutputFolder.OwnerOnly | UnixFileMode.UserExecute;

    private readonly LinuxFolder _parent;
    private readonly string _name;
    private readonly byte[] _buffer = new byte[MostAtOnce];
    private readonly MarkLines _lines = new();
    private LinuxFolder? _folder;
    private SafeFileHandle? _pipe;
    private Thread? _discarding;
    private volatile bool _isDone;
    private long _kept;

    private MarkPipe(LinuxFolder parent, string name) => (_parent, _name) = (parent, name);

    public string Path => System.IO.Path.Combine(_parent.Path, _name, MarkPlaces.PipeName);

    /// <summary>Readable when a mark waits.</summary>
    public int Fd => (int)_pipe!.DangerousGetHandle();

    /// <summary>What comes from now on is only counted.</summary>
    public bool IsFull => _kept == MostMarks;

    /// <param name="owner">Who may set marks; null: the recorder's own user.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static MarkPipe Create(FileOwner? owner)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{MarkPlaces.FolderPrefix}{Environment.ProcessId}.{Random.Shared.Next(1 << 24):x6}");
        var parent = LinuxFolder.Open(MarkPlaces.OwnParent);
        var made = new MarkPipe(parent, name);
        try
        {
            MarkPlaces.RemoveDead(parent);
            made.Make(owner);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Hands on the marks that wait, without waiting for more.</summary>
    public void ReadTo(IRecordSink sink) => Read(sink, MostAtOnce, isEnd: false);

    /// <summary>The same for the last time: a line without an end counts, too.</summary>
    public void ReadLastTo(IRecordSink sink) => Read(sink, MostAtEnd, isEnd: true);

    /// <summary>
    /// The recording has ended, and the recorded program has not: until this is disposed, whoever writes a mark neither waits nor fails, and nothing
    /// becomes of it.
    /// </summary>
    public void Discard()
    {
        _discarding = new Thread(DiscardAll) { IsBackground = true };
        _discarding.Start();
    }

    public void Dispose()
    {
        try
        {
            if (_folder is not null)
            {
                _folder.Remove(MarkPlaces.PipeName);
                _parent.RemoveFolder(_name);
            }
        }
        catch (IOException)
        {
            // The next recorder of this user tries again.
        }

        if (_discarding is not null)
        {
            _isDone = true;
            Wake();
            _discarding.Join();
        }

        _pipe?.Dispose();
        _folder?.Dispose();
        _parent.Dispose();
    }

    private void Make(FileOwner? owner)
    {
        _parent.MakeFolder(_name, OwnerFolder);
        _folder = _parent.TryOpenFolder(_name) ?? throw FileCalls.Failure();
        // Others may pass through to a pipe that is theirs, but not look around.
        if (owner is not null)
            _folder.SetMode(OwnerFolder | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        _folder.MakePipe(MarkPlaces.PipeName, OutputFolder.OwnerOnly);
        // Also to write: then it never ends, however many writers come and go.
        _pipe = _folder.OpenHere(MarkPlaces.PipeName, FileCalls.ReadWrite | FileCalls.NonBlocking) ?? throw FileCalls.Failure();
        _folder.SetMode(_pipe, OutputFolder.OwnerOnly); // whatever the umask is
        if (owner is { } user)
            _folder.SetOwner(_pipe, user);
    }

    // A full pipe needs no more bytes to wake its reader.
    // SAFETY: write reads one byte, of the local that it gets.
    private unsafe void Wake()
    {
        byte wake = 0;
        _ = Libc.Write(Fd, &wake, 1);
    }

    // SAFETY: read writes at most the length that it gets, which is that of the pinned array; poll has the one record of this frame.
    private unsafe void DiscardAll()
    {
        var waiting = new Libc.PollFd { Fd = Fd, Events = Libc.PollIn };
        fixed (byte* buffer = _buffer)
        {
            while (!_isDone)
            {
                _ = Libc.Poll(&waiting, 1, -1);
                _ = Libc.Read(Fd, buffer, (nuint)_buffer.Length);
            }
        }
    }

    // SAFETY: read writes at most the length that it gets, which is that of the pinned array.
    private unsafe void Read(IRecordSink sink, int mostBytes, bool isEnd)
    {
        var marks = new List<SpooledMark>();
        var readNs = Libc.MonotonicNs();
        fixed (byte* buffer = _buffer)
        {
            for (nint read; mostBytes > 0 && (read = Libc.Read(Fd, buffer, (nuint)Math.Min(mostBytes, _buffer.Length))) > 0; mostBytes -= (int)read)
                _lines.Add(_buffer.AsSpan(0, (int)read), readNs = Libc.MonotonicNs(), marks);
        }

        if (isEnd)
            _lines.End(marks);
        if (marks.Count == 0)
            return;
        var kept = (int)Math.Min(marks.Count, MostMarks - _kept);
        _kept += kept;
        sink.Append(SpoolRecordType.Marks, new SpooledMarks(readNs, marks[..kept], marks.Count - kept), SpoolJson.Default.SpooledMarks);
    }
}
