using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Doctor;

/// <param name="Step">What the kernel refused; null when all went well.</param>
/// <param name="Errno">Positive.</param>
/// <param name="Log">The verifier's last line, or nothing.</param>
internal sealed record Trial(string? Step, int Errno = 0, string Log = "")
{
    public static readonly Trial Success = new(Step: null);

    public bool Works => Step is null;

    /// <summary>"loading: EPERM (Operation not permitted)"</summary>
    public string Reason => $"{Step}: {Native.Errno.Describe(Errno)}{(Log.Length == 0 ? "" : $", {Log}")}";
}

/// <summary>Attaches for real, and detaches again at once: only this shows what the kernel allows.</summary>
internal static class TrialAttach
{
    private const string KprobePmuType = KprobePmu + "/type";

    public const string KprobePmu = "/sys/bus/event_source/devices/kprobe";

    public static Trial Fentry(string function) => Bpf("at_function", "at_tracepoint", function);

    /// <param name="tracepoint">Without its group: page_fault_user.</param>
    public static Trial Tracepoint(string tracepoint) => Bpf("at_tracepoint", "at_function", tracepoint);

    /// <summary>
    /// A kprobe made by perf_event_open is registered and armed while the event is being opened, and removed when it is closed. It is an
    /// event on this process, and never enabled.
    /// </summary>
    public static Trial Kprobe(string function)
    {
        if (!uint.TryParse(KernelFile.ReadText(KprobePmuType), out var type))
            return new Trial("finding the kprobe events", Errno.Enoent);
        var name = Marshal.StringToCoTaskMemUTF8(function);
        try
        {
            return Event(new PerfEventAttr { Type = type, Config1 = name, Flags = PerfAttrFlags.Disabled }, "opening a kprobe event");
        }
        finally
        {
            Marshal.FreeCoTaskMem(name);
        }
    }

    public static Trial SoftwareEvent(ulong config)
        => Event(new PerfEventAttr { Type = PerfEvent.TypeSoftware, Config = config, Flags = PerfAttrFlags.Disabled }, "opening a software event");

    // SAFETY: the attributes lie in this frame, their size is in them, and the text that they may point to is freed after the call by who
    // made it.
    private static unsafe Trial Event(PerfEventAttr attr, string step)
    {
        attr.Size = (uint)sizeof(PerfEventAttr);
        using var fd = new FdHandle(Libc.PerfEventOpen(&attr, 0, -1, -1, PerfEvent.FlagFdCloexec));
        return fd.IsInvalid ? new Trial(step, Marshal.GetLastPInvokeError()) : Trial.Success;
    }

    private static Trial Bpf(string program, string other, string target)
    {
        using var file = EmbeddedObject.Open("doctor.bpf.o");
        using var bpfObject = file.Handle;
        var pointer = Libbpf.ObjectFindProgramByName(bpfObject, program);
        Errno.ThrowIfLibbpfFailed(Libbpf.ProgramSetAutoload(Libbpf.ObjectFindProgramByName(bpfObject, other), false), "choosing a BPF program");
        if (Libbpf.ProgramSetAttachTarget(pointer, 0, target) is < 0 and var noTarget)
            return new Trial("finding it in BTF", -noTarget);
        if (Libbpf.ObjectLoad(bpfObject) is < 0 and var notLoaded)
            return new Trial("loading the program", -notLoaded, file.LastLogLine);
        using var link = new LinkHandle(Libbpf.ProgramAttach(pointer));
        return link.IsInvalid ? new Trial("attaching the program", Marshal.GetLastPInvokeError()) : Trial.Success;
    }
}
