using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Plans;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Prefault;

/// <summary>Why a file of a plan is not read.</summary>
public enum SkipReason
{
    Missing,

    /// <summary>Another inode, or changed since the recording.</summary>
    Replaced,
    NotRegular,

    /// <summary>Not readable for this user, or too many files are open.</summary>
    NotReadable,
}

/// <summary>The files of a plan that are still those of the recording, each opened when it is first used.</summary>
internal sealed class PlannedFiles(PrefaultPlan plan) : IDisposable
{
    private readonly SafeFileHandle?[] _files = new SafeFileHandle?[plan.Files.Count];
    private readonly SkipReason?[] _skipped = new SkipReason?[plan.Files.Count];
    private readonly long[] _bytes = new long[plan.Files.Count];

    /// <summary>Requested files that are skipped, by reason.</summary>
    public IReadOnlyDictionary<SkipReason, int> Skipped => _skipped.Where(reason => reason is not null).CountBy(reason => reason!.Value).ToDictionary();

    /// <returns>Null: it is skipped.</returns>
    public SafeFileHandle? Open(int file, out long bytes)
    {
        if (_files[file] is null && _skipped[file] is null)
            _skipped[file] = TryOpen(file);
        bytes = _bytes[file];
        return _files[file];
    }

    public void Dispose()
    {
        foreach (var file in _files)
            file?.Dispose();
    }

    // A path may lead anywhere by now, and opening some devices has an effect (a watchdog starts): O_PATH opens only the name, and
    // the file behind it cannot change before it is opened through /proc.
    private SkipReason? TryOpen(int file)
    {
        var (path, inode) = plan.Files[file];
        using var name = new SafeFileHandle(Libc.Open(path, Libc.OPath | Libc.OCloexec, 0), ownsHandle: true);
        if (name.IsInvalid)
            return Marshal.GetLastPInvokeError() is Errno.Enoent or Errno.Enotdir ? SkipReason.Missing : SkipReason.NotReadable;
        if (FileStatus.Read(name) is not { } status)
            return SkipReason.NotReadable;
        if (!status.IsRegular)
            return SkipReason.NotRegular;
        // A file that was faulted in was not empty; files of /proc look empty, and are not opened.
        if (status.Inode != inode || status.ChangedAt > plan.RecordedUntil || status.Bytes == 0)
            return SkipReason.Replaced;
        var link = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{name.DangerousGetHandle()}");
        var opened = new SafeFileHandle(Libc.Open(link, Libc.ONonblock | Libc.OCloexec, 0), ownsHandle: true);
        if (opened.IsInvalid)
            return SkipReason.NotReadable;
        (_files[file], _bytes[file]) = (opened, status.Bytes);
        return null;
    }
}
