using System.IO.Compression;
using System.Text;

namespace Faultrec.Recorder.Kernel;

/// <summary>The configuration of the running kernel, if the kernel or the distribution provides it.</summary>
internal sealed class KernelConfig(string path, string text)
{
    public static KernelConfig? Read()
    {
        if (KernelFile.Read("/proc/config.gz").Bytes is { } compressed)
        {
            using var reader = new StreamReader(new GZipStream(new MemoryStream(compressed), CompressionMode.Decompress), Encoding.UTF8);
            return new KernelConfig("/proc/config.gz", reader.ReadToEnd());
        }

        var ofRelease = $"/boot/config-{Machine.KernelRelease}";
        return KernelFile.ReadText(ofRelease) is { } plain ? new KernelConfig(ofRelease, plain) : null;
    }

    /// <summary>"CONFIG_KPROBES is not set in /proc/config.gz"; an option that is not mentioned was not even offered.</summary>
    public string Evidence(string option)
    {
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith(option + "=", StringComparison.Ordinal));
        return $"{line ?? option + " is not set"} in {path}";
    }
}
