using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Live;

/// <summary>A file that grows while it is watched.</summary>
public static class LiveFile
{
    /// <summary>Truncates what is there; under sudo a new file belongs to the user who called it.</summary>
    /// <exception cref="IOException">Or <see cref="UnauthorizedAccessException"/>: it cannot be written.</exception>
    public static Stream Create(string path)
    {
        var isNew = !File.Exists(path);
        var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        if (isNew && InvokingUser.FromSudo(Libc.Geteuid() == 0) is { } user)
            Errno.ThrowIfFailed(Libc.Fchown((int)stream.SafeFileHandle.DangerousGetHandle(), user.Uid, user.Gid), "giving the file to the invoking user");
        return stream;
    }
}
