using System.Globalization;
using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Live;
using Faultrec.Traces;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Cli.Output;

/// <summary>Where a verb's data goes: stdout, or a file that appears whole or not at all.</summary>
internal static class OutputTarget
{
    private const string Stdout = "-";

    public const int StdoutDescriptor = 1;

    private const int LeastWidth = 60;
    private const int MostWidth = 160;

    // EPIPE of Linux and macOS, ERROR_BROKEN_PIPE and ERROR_NO_DATA of Windows as .NET reports them.
    private static readonly int[] BrokenPipe = [32, unchecked((int)0x8007006d), unchecked((int)0x800700e8)];

    /// <summary>Whether the output can be written, before anything takes time for it; call it first.</summary>
    /// <exception cref="FaultrecException">It cannot be.</exception>
    public static void Check(Destination to, IReadOnlyList<string> inputs)
    {
        if (to.Path is not { } path || path == Stdout || DescriptorOf(path) is not null)
            return;
        Into(path, place =>
        {
            RefuseInputs(place, to, inputs);
            if (SpecialFile.Find(place, path, Owner()) is not null)
                return;
            place.Require(to.Existing);
            place.CreateFile(endsWithSignals: true).Dispose();
        });
    }

    /// <param name="inputs">Files that are being read; writing over one of them is refused.</param>
    /// <param name="write">Writes everything; need not flush or close.</param>
    /// <param name="copiesInputs">It repeats what is in them, so that it is for nobody who cannot read them.</param>
    public static void Write(Destination to, IReadOnlyList<string> inputs, Action<Stream> write, bool copiesInputs = false)
    {
        if (to.Path is not { } path || path == Stdout)
            WriteStdout(write);
        else if (DescriptorOf(path) is { } descriptor)
            WriteDescriptor(path, descriptor, write);
        else
            Into(path, place => WriteFile(place, to, inputs, write, copiesInputs));
    }

    /// <summary>The same for text: UTF-8 without a mark, lines end in LF.</summary>
    public static void WriteText(Destination to, IReadOnlyList<string> inputs, Action<TextWriter> write, bool copiesInputs = false)
        => Write(to, inputs, stream =>
        {
            // Not disposed: after a broken pipe that would write, and fail, once more.
            var writer = new StreamWriter(stream, new UTF8Encoding(false), 1 << 14, leaveOpen: true) { NewLine = "\n" };
            write(IsTerminal(to) && AsciiWriter.IsNeeded ? new AsciiWriter(writer) : writer);
            writer.Flush();
        }, copiesInputs);

    /// <summary>The same for JSON, on a line of its own.</summary>
    public static void WriteJson(Destination to, IReadOnlyList<string> inputs, Action<Utf8JsonWriter> write)
        => Write(to, inputs, stream =>
        {
            // Not disposed, as the text's.
            var json = new Utf8JsonWriter(stream);
            write(json);
            json.Flush();
            stream.WriteByte((byte)'\n');
        });

    /// <summary>The same for a trace, which needs a file: Parquet has its index at the end.</summary>
    /// <param name="inputs">The trace may replace one of them where that is kept.</param>
    /// <param name="write">Comes back with whether the trace is for its owner's eyes; it is in any case where an input is.</param>
    public static void WriteTrace(Destination to, IReadOnlyList<string> inputs, Func<Stream, bool> write)
    {
        if (to.Path is not { } path || path == Stdout)
            throw new FaultrecException(ExitCode.Usage, "-o -: a trace needs a file (Parquet has its index at the end); give a file name");
        Into(path, place =>
        {
            RefuseInputs(place, to, inputs, mayReplace: to.Existing == ExistingOutput.KeepAsOld);
            place.Require(to.Existing);
            using var file = place.CreateFile(endsWithSignals: true);
            KeepAsPrivateAs(file, inputs);
            if (write(file.Stream))
                file.KeepPrivate();
            place.Publish(file, to.Existing, isDurable: true);
        });
    }

    /// <summary>For what is read while it grows.</summary>
    /// <exception cref="FaultrecException">It cannot be written.</exception>
    public static LiveTarget OpenLive(Destination to)
    {
        if (to.Path is not { } path || path == Stdout)
            return new LiveTarget(OpenStdout());
        if (DescriptorOf(path) is { } descriptor)
            return new LiveTarget(OpenDescriptor(path, descriptor));
        LiveTarget? target = null;
        Guard(path, () =>
        {
            var place = OutputPlace.Open(path, Owner());
            try
            {
                if (SpecialFile.Find(place, path, Owner()) is { } special)
                {
                    target = new LiveTarget(SpecialFile.Open(place, path, special));
                    return;
                }

                place.Require(to.Existing);
                target = new LiveTarget(place, place.CreateFile(endsWithSignals: false), to.Existing);
            }
            finally
            {
                if (target is not { HasPlace: true })
                    place.Dispose();
            }
        });
        return target!;
    }

    public static FaultrecException Failure(string path, Exception exception)
        => Failure(path, exception is DirectoryNotFoundException ? "its folder does not exist" : Escape.Visible(exception.Message), exception);

    public static TextStyle StyleFor(Destination to) => new(to.Colour switch
    {
        ColourChoice.Always => true,
        ColourChoice.Never => false,
        _ => IsTerminal(to)
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") != "dumb",
    });

    /// <summary>Columns of a line: what COLUMNS says, else the terminal's, else <see cref="ScreenReport.PipeWidth"/>; never too few for a sentence.</summary>
    public static int WidthFor(Destination to)
    {
        var width = int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out var columns) ? columns
            : !IsTerminal(to) ? ScreenReport.PipeWidth
            // System.Console would first write to the terminal.
            : OperatingSystem.IsLinux() ? LiveTerminal.SizeOf(StdoutDescriptor).Columns
            : Console.WindowWidth;
        return Math.Clamp(width, LeastWidth, MostWidth);
    }

    public static bool IsTerminal(Destination to) => to.Path is null or Stdout && !Console.IsOutputRedirected;

    /// <summary>Nobody reads any more.</summary>
    public static bool IsBrokenPipe(IOException exception) => Array.IndexOf(BrokenPipe, exception.HResult) >= 0;

    private static void WriteStdout(Action<Stream> write)
    {
        try
        {
            using var stream = OpenStdout();
            write(stream);
        }
        catch (IOException exception) when (IsBrokenPipe(exception))
        {
            // `| head` has seen enough.
        }
        catch (UnauthorizedAccessException exception)
        {
            // .NET's word for EBADF.
            throw new FaultrecException(ExitCode.NotPermitted, "stdout: is closed; expected a place to write to; open it or use -o", exception);
        }
        catch (IOException exception)
        {
            throw new FaultrecException(ExitCode.NotPermitted, $"stdout: {exception.Message}; expected room to write; free some or use -o", exception);
        }
    }

    // The console's stream hides a broken pipe and would let a dump run on for nobody; a file stream on a regular file would not
    // move the offset that it shares with the rest of the shell's command. So each for what it does right.
    public static Stream OpenStdout()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();
        var handle = new SafeFileHandle(1, ownsHandle: false);
        var stream = new FileStream(handle, FileAccess.Write, bufferSize: 0);
        if (!stream.CanSeek)
            return stream;
        stream.Dispose();
        return Console.OpenStandardOutput();
    }

    private static void WriteDescriptor(string path, int descriptor, Action<Stream> write)
    {
        using var stream = OpenDescriptor(path, descriptor);
        Guard(path, () => write(stream));
    }

    private static Stream OpenDescriptor(string path, int descriptor)
        => descriptor == 1 ? OpenStdout()
            : DescriptorStream.Open(descriptor) ?? throw Failure(path, "no such descriptor is open");

    // What is opened by these names again is another file to the system, with an offset of its own, or refused.
    private static int? DescriptorOf(string path)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var full = Path.GetFullPath(path);
        var number = full switch
        {
            "/dev/stdout" => "1",
            "/dev/stderr" => "2",
            _ when full.StartsWith("/dev/fd/", StringComparison.Ordinal) => full["/dev/fd/".Length..],
            _ when full.StartsWith("/proc/self/fd/", StringComparison.Ordinal) => full["/proc/self/fd/".Length..],
            _ => "",
        };
        return int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor) ? descriptor : null;
    }

    private static void WriteFile(OutputPlace place, Destination to, IReadOnlyList<string> inputs, Action<Stream> write, bool copiesInputs)
    {
        RefuseInputs(place, to, inputs);
        if (SpecialFile.Find(place, to.Path!, Owner()) is { } special)
        {
            using var stream = SpecialFile.Open(place, to.Path!, special);
            write(stream);
            return;
        }

        place.Require(to.Existing);
        using var file = place.CreateFile(endsWithSignals: true);
        if (copiesInputs)
            KeepAsPrivateAs(file, inputs);
        write(file.Stream);
        place.Publish(file, to.Existing, isDurable: false);
    }

    /// <param name="mayReplace">An input that is kept under another name.</param>
    private static void RefuseInputs(OutputPlace place, Destination to, IReadOnlyList<string> inputs, bool mayReplace = false)
    {
        var isKept = to.Existing == ExistingOutput.KeepAsOld && place.Folder.Find(place.Name) is { Kind: FileKind.Regular };
        if (!mayReplace && inputs.Any(input => place.Folder.IsSame(place.Name, input)))
            throw IsRead(to.Path!);
        if (isKept && inputs.Any(input => place.Folder.IsSame(place.OldName, input)))
            throw IsRead($"{to.Path}.old");
    }

    private static FaultrecException IsRead(string path)
        => new(ExitCode.Usage, $"{Escape.Visible(path)}: is a file that is being read; expected another file after -o");

    private static void KeepAsPrivateAs(NewFile file, IReadOnlyList<string> inputs)
    {
        foreach (var input in inputs)
        {
            if (FoundFile.Read(input) is { } source)
                file.KeepAsPrivateAs(source);
        }
    }

    private static void Into(string path, Action<OutputPlace> act) => Guard(path, () =>
    {
        using var place = OutputPlace.Open(path, Owner());
        act(place);
    });

    private static void Guard(string path, Action act)
    {
        try
        {
            act();
        }
        catch (IOException exception) when (IsBrokenPipe(exception))
        {
            // As with stdout.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failure(path, exception);
        }
    }

    private static FaultrecException Failure(string path, string reason, Exception? inner = null)
        => new(ExitCode.NotPermitted, $"{Escape.Visible(path)}: cannot be written ({reason}); expected a writable place; choose another with -o", inner);

    private static FileOwner? Owner()
        => InvokingUser.FromSudo(Environment.IsPrivilegedProcess) is { } user ? new FileOwner(user.Uid, user.Gid) : null;
}
