using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>The filter of the process that reads ELF files, set on one thread of this one.</summary>
public sealed class SystemCallFilterTests
{
    private const int Eperm = 1;
    private const int Einval = 22;
    private const int ProtExec = 4;
    private const long ClockNanosleep = 230;

    // Through pointers: no stub that the runtime could compile anew, and errno is what the call left.
    // SAFETY: syscall(2) takes up to seven words; none of the calls made by it waits.
    private static readonly unsafe delegate* unmanaged[SuppressGCTransition]<long, long, long, long, long, long, long, long> Call =
        (delegate* unmanaged[SuppressGCTransition]<long, long, long, long, long, long, long, long>)NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"),
            "syscall");

    // SAFETY: syscall(2) takes up to seven words, of which clock_nanosleep needs five.
    private static readonly unsafe delegate* unmanaged<long, long, long, long*, long*, long> Sleep =
        (delegate* unmanaged<long, long, long, long*, long*, long>)NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), "syscall");

    [Fact]
    public void WhatReadingAnOpenFileTakesWorksAndNothingElse()
    {
        var trial = new Trial();
        // A filter is a thread's own, and this one never ends: the runtime might compile something for its end.
        new Thread(() => Try(trial)) { IsBackground = true }.Start();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref trial.IsOver), TimeSpan.FromMinutes(1)), "the calls are made");

        Assert.Equal(0, trial.FilterError);
        string[] allowed = ["map memory", "read", "close", "limit itself", "signal itself"];
        // Of a thread that begins: they come to the kernel, which refuses what they are given here.
        string[] beginning = ["set_robust_list", "rseq"];
        Assert.Equal(20, trial.Names.Length);
        Assert.All(
            trial.Names.Zip(trial.Errors),
            call => Assert.Equal((call.First, allowed.Contains(call.First) ? 0 : beginning.Contains(call.First) ? Einval : Eperm), call));
    }

    private sealed class Trial
    {
        public bool IsOver;
        public int FilterError;
        public string[] Names = [];
        public int[] Errors = [];
    }

    // SAFETY: all that the calls point to lives in this frame, which outlives them.
    private static unsafe void Try(Trial trial)
    {
        var file = Libc.Open("/proc/self/maps", 0, 0);
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
            ("signal itself", 234, Environment.ProcessId, Call(186, 0, 0, 0, 0, 0, 0), 0, 0),
            ("signal another", 234, 1, 1, 0, 0),
            ("set_robust_list", 273, 0, 0, 0, 0),
            ("rseq", 334, 0, 0, 0, 0),
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
        trial.Names = [.. calls.Select(call => call.Name)];
        trial.Errors = new int[calls.Length];
        var forever = stackalloc long[] { 1_000_000, 0 };
        var none = stackalloc long[] { 0, 0 };
        var filter = SystemCallFilter.Make(Environment.ProcessId);
        // Under the filter nothing can be compiled: everything runs once before, without a filter and without an effect.
        Make(calls, trial.Errors, isRehearsal: true);
        _ = Sleep(ClockNanosleep, 0, 0, none, null);
        Volatile.Write(ref trial.IsOver, false);
        Confinement.SetNoNewPrivileges();
        trial.FilterError = Confinement.SetFilter(filter, allThreads: false);
        if (trial.FilterError == 0)
            Make(calls, trial.Errors, isRehearsal: false);
        Volatile.Write(ref trial.IsOver, true);
        while (trial.FilterError == 0)
            _ = Sleep(ClockNanosleep, 0, 0, forever, null);
    }

    // SAFETY: the addresses among the arguments are those of the caller's frame.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Make((string Name, long Number, long A0, long A1, long A2, long A3)[] calls, int[] errors, bool isRehearsal)
    {
        const long getpid = 39, none = -1;
        for (var i = 0; i < calls.Length; i++)
        {
            // A number that is no call fails, with ENOSYS.
            var number = isRehearsal ? i % 2 == 0 ? getpid : none : calls[i].Number;
            errors[i] = Call(number, calls[i].A0, calls[i].A1, calls[i].A2, calls[i].A3, -1, 0) >= 0 ? 0 : Marshal.GetLastSystemError();
        }
    }
}
