using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Kernel;

/// <summary>A shell pattern for process names (* any characters, ? one), as the automaton that the probe runs: see bpf/faultrec.h.</summary>
internal sealed class Glob
{
    /// <summary>The kernel cuts names to this (TASK_COMM_LEN - 1).</summary>
    public const int MaxNameBytes = 15;

    private readonly uint[] _masks = new uint[ProbeConfig.CommChars];
    private readonly uint _star;
    private readonly uint _accept;

    /// <exception cref="FaultrecException">No name can match it.</exception>
    public Glob(string pattern)
    {
        if (pattern.Length == 0)
            throw new FaultrecException(ExitCode.Usage, "--comm: the name is empty; expected a process name, with * and ? for any characters");
        var state = 0;
        foreach (var character in Encoding.UTF8.GetBytes(pattern))
        {
            if (character == (byte)'*')
            {
                _star |= 1U << state;
                continue;
            }

            if (state == MaxNameBytes)
            {
                throw new FaultrecException(
                    ExitCode.Usage,
                    $"--comm {pattern}: longer than a process name can be; the kernel keeps {MaxNameBytes} bytes: `ps -eo comm` shows them");
            }

            for (var i = 0; i < _masks.Length; i++)
                _masks[i] |= character == (byte)'?' || i == character ? 1U << state : 0;
            state++;
        }

        _accept = 1U << state;
    }

    public bool Matches(string name)
    {
        var states = 1U;
        foreach (var character in Encoding.UTF8.GetBytes(name))
            states = ((states & _masks[character]) << 1) | (states & _star);
        return (states & _accept) != 0;
    }

    public ProbeConfig Describe(ProbeConfig config)
    {
        config.CommStar = _star;
        config.CommAccept = _accept;
        for (var i = 0; i < _masks.Length; i++)
            config.CommMasks[i] = _masks[i];
        return config;
    }
}
