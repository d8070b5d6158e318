using System.Globalization;

namespace Faultrec.Recorder.Kernel;

/// <summary>Who called sudo: the recorded command runs as this user and owns the trace.</summary>
public sealed record InvokingUser(string Name, uint Uid, uint Gid, string Home)
{
    /// <summary>From SUDO_UID, SUDO_GID and SUDO_USER; null when not root through sudo.</summary>
    public static InvokingUser? FromSudo(bool isRoot)
    {
        if (!isRoot || !TryGet("SUDO_UID", out var uid) || !TryGet("SUDO_GID", out var gid) || uid == 0)
            return null;
        var name = Environment.GetEnvironmentVariable("SUDO_USER");
        return name is null ? null : new InvokingUser(name, uid, gid, HomeOf(uid) ?? "/");
    }

    private static bool TryGet(string variable, out uint value)
        => uint.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out value);

    // passwd(5): name:password:UID:GID:GECOS:directory:shell
    private static string? HomeOf(uint uid)
        => File.ReadLines("/etc/passwd").Select(line => line.Split(':'))
            .FirstOrDefault(fields => fields.Length >= 6 && fields[2] == uid.ToString(CultureInfo.InvariantCulture))?[5];
}
