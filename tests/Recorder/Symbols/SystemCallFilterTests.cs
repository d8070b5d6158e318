using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>The filter of the process that reads ELF files, set on one thread of this one.</summary>
public sealed partial class SystemCallFilterTests
{
    private const int Eperm = 1;
    private const int ProtExec = 4;

    [Fact]
    public void WhatReadingAnOpenFileTakesWorksAndNothingElse()
    {
        var results = new Dictionary<string, int>();
        Exception? failure = null;
        // A filter is a thread's own; this one ends with it.
        var thread = new Thread(() =>
        {
            try
            {
                Try(results);
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();

        Assert.Null(failure);
        string[] allowed = ["map memory", "read", "close", "limit itself", "signal itself"];
        Assert.All(allowed, call => Assert.Equal((call, 0), (call, results[call])));
        Assert.All(results.Where(call => !allowed.Contains(call.Key)), call => Assert.Equal((call.Key, Eperm), (call.Key, call.Value)));
        Assert.Equal(18, results.Count);
    }

    private static unsafe void Try(Dictionary<string, int> results)
    {
        var file = Libc.Open("/proc/self/maps", 0, 0);
        // SAFETY: both live as long as this call.
        var buffer = stackalloc byte[64];
        var limit = stackalloc Libc.Rlimit[1];
        _ = Libc.Getrlimit(Libc.RlimitCpu, limit);
        const int anonymous = Libc.MapPrivate | Libc.MapAnonymous;
        (string Name, long Number, long A0, long A1, long A2, long A3)[] calls =
        [
            ("map memory", 9, 0, 4096, Libc.ProtRead, anonymous),
            ("map code", 9, 0, 4096, Libc.ProtRead | ProtExec, anonymous),
            ("read", 0, file, (long)buffer, 64, 0),
            ("limit itself", 302, 0, Libc.RlimitCpu, (long)limit, 0),
            ("limit another", 302, 1, Libc.RlimitCpu, (long)limit, 0),
            ("signal itself", 234, Environment.ProcessId, Syscall(186, 0, 0, 0, 0, 0, 0), 0, 0),
            ("signal another", 234, 1, 1, 0, 0),
            ("open", 2, (long)buffer, 0, 0, 0),
            ("openat2", 437, -100, 0, 0, 0),
            ("open by handle", 304, 0, 0, 0, 0),
            ("socket", 41, 1, 1, 0, 0),
            ("connect", 42, file, 0, 0, 0),
            ("kill", 62, Environment.ProcessId, 0, 0, 0),
            ("fork", 57, 0, 0, 0, 0),
            ("clone3", 435, 0, 0, 0, 0),
            ("execve", 59, 0, 0, 0, 0),
            ("ptrace", 101, 0, 0, 0, 0),
            ("close", 3, file, 0, 0, 0),
        ];
        var errors = new int[calls.Length];
        var filter = SystemCallFilter.Make(Environment.ProcessId);
        // Under the filter nothing can be compiled: everything runs once before, without a filter and without an effect.
        Assert.True(Confinement.HasCapabilities || !Environment.IsPrivilegedProcess);
        Confinement.SetNoNewPrivileges();
        Make(calls, errors, isRehearsal: true);
        var error = Confinement.SetFilter(filter, allThreads: false);
        if (error == 0)
            Make(calls, errors, isRehearsal: false);
        Assert.Equal(0, error);
        for (var i = 0; i < calls.Length; i++)
            results[calls[i].Name] = errors[i];
    }

    private static void Make((string Name, long Number, long A0, long A1, long A2, long A3)[] calls, int[] errors, bool isRehearsal)
    {
        const long getpid = 39, none = -1;
        for (var i = 0; i < calls.Length; i++)
        {
            // A number that is no call fails, with ENOSYS.
            var number = isRehearsal ? i % 2 == 0 ? getpid : none : calls[i].Number;
            errors[i] = Syscall(number, calls[i].A0, calls[i].A1, calls[i].A2, calls[i].A3, -1, 0) >= 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, long a0, long a1, long a2, long a3, long a4, long a5);
}
