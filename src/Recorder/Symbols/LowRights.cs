using System.Globalization;
using System.Runtime.CompilerServices;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// How a service process gives up rights, in two steps. Capabilities, and the promise never to gain any, belong to single threads, and
/// the runtime has threads before Main: so a process that has too many rights gives them up and executes itself again. The filter
/// of system calls is set after that, on all threads.
/// </summary>
internal static class LowRights
{
    /// <summary>Memory in addition to what the process has at its start; libdw maps files and unpacks sections.</summary>
    private const ulong MaxMemoryBytes = 4UL << 30;

    /// <summary>
    /// Becomes the user who called sudo, if that user can read this executable; otherwise root without any capability except to read files.
    /// Returns only if there was nothing to give up.
    /// </summary>
    /// <param name="args">Verb, fd, and, if there are too many rights: user or "", uid, gid, home.</param>
    // SAFETY: execve copies both arrays, which end with a null and live until it comes back, if it does.
    public static unsafe void GiveUp(string[] args)
    {
        if (args.Length < 6)
            return;
        Confinement.DropBoundingSet(but: Confinement.CapDacReadSearch);
        Confinement.CloseAllOnExec();
        _ = Libc.Fcntl(int.Parse(args[1], CultureInfo.InvariantCulture), Libc.FSetfd, 0);
        var self = Launcher.SelfCommand();
        var variables = NativeArguments.Environment();
        if (args[2].Length > 0)
            BecomeUser(args[2], uint.Parse(args[3], CultureInfo.InvariantCulture), uint.Parse(args[4], CultureInfo.InvariantCulture), args[5], self, variables);
        if (Libc.Geteuid() == 0)
            Confinement.KeepCapabilities(1u << Confinement.CapDacReadSearch);
        else
            Confinement.KeepCapabilities(0);
        Confinement.SetNoNewPrivileges();
        using var argv = new NativeArguments([.. self, args[0], args[1]]);
        using var environment = new NativeArguments(variables);
        _ = Libc.Execvpe(argv.Pointer[0], argv.Pointer, environment.Pointer);
        throw new FaultrecException(ExitCode.NotPermitted, "cannot execute itself with fewer rights");
    }

    /// <summary>Gives up the terminal and everything but memory, CPU time and open files. Must come last: no file can be opened afterwards.</summary>
    /// <returns>0 or an errno value.</returns>
    public static int Confine()
    {
        // The recorder reports a crash better than a library or the runtime would.
        var nothing = Libc.Open("/dev/null", Libc.ORdwr | Libc.OCloexec, 0);
        for (var standard = 0; standard <= 2; standard++)
            _ = Libc.Dup2(nothing, standard);
        var pages = ulong.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0], CultureInfo.InvariantCulture);
        SetLimit(Libc.RlimitAs, pages * (ulong)PageGeometry.Here.PageBytes + MaxMemoryBytes);
        SetLimit(Libc.RlimitCore, 0);
        Confinement.SetUndumpable();
        // With JIT compilation the runtime itself keeps opening files, starting threads and generating code in file-backed memory.
        if (RuntimeFeature.IsDynamicCodeSupported)
            return 0;
        SetLimit(Libc.RlimitFsize, 0);
        SetLimit(Libc.RlimitNproc, 0);
        return Confinement.SetFilter(SystemCallFilter.Make(Environment.ProcessId), allThreads: true);
    }

    /// <summary>Of CPU time, from now on.</summary>
    // SAFETY: getrusage writes one struct rusage, into the local.
    public static unsafe void LimitCpu(ulong seconds)
    {
        Libc.Rusage usage;
        _ = Libc.Getrusage(Libc.RusageSelf, &usage);
        // ru_utime and ru_stime: seconds and microseconds each.
        SetLimit(Libc.RlimitCpu, (ulong)(usage.Times[0] + usage.Times[2]) + 1 + seconds, keepHard: true);
    }

    // The saved user id stays root until execve, so that an executable that the user cannot execute is executed as root after all.
    private static void BecomeUser(string user, uint uid, uint gid, string home, string[] self, Dictionary<string, string> variables)
    {
        if (Libc.Initgroups(user, gid) < 0 || Libc.Setresgid(gid, gid, gid) < 0 || Libc.Setresuid(uid, uid, 0) < 0)
            return;
        if (self.All(Confinement.CanRead))
            (variables["HOME"], variables["USER"], variables["LOGNAME"]) = (home, user, user);
        else
            _ = Libc.Setresuid(0, 0, 0);
    }

    // SAFETY: one struct rlimit is read and written, the local.
    private static unsafe void SetLimit(int resource, ulong value, bool keepHard = false)
    {
        Libc.Rlimit limit;
        _ = Libc.Getrlimit(resource, &limit);
        limit = new Libc.Rlimit(value, keepHard ? limit.Hard : value);
        _ = Libc.Setrlimit(resource, &limit);
    }
}
