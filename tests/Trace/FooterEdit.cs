using System.Text;

namespace Faultrec.Trace.Tests;

/// <summary>Changes a trace's footer without changing lengths, as a file written by somebody else could have it.</summary>
internal static class FooterEdit
{
    /// <summary>Replaces the only occurrence, and takes the footer's guard away so that the change is not seen as damage.</summary>
    public static byte[] Replace(byte[] trace, string text, string replacement)
    {
        var changed = WithoutGuard(trace);
        var from = Encoding.UTF8.GetBytes(text);
        var to = Encoding.UTF8.GetBytes(replacement);
        if (from.Length != to.Length)
            throw new ArgumentException("The footer's lengths would be wrong.", nameof(replacement));
        var at = changed.AsSpan().IndexOf(from);
        if (at < 0 || changed.AsSpan(at + 1).IndexOf(from) >= 0)
            throw new ArgumentException($"'{text}' does not occur exactly once.", nameof(text));
        to.CopyTo(changed, at);
        return changed;
    }

    /// <summary>The trace without the checksums of footer and column chunks.</summary>
    public static byte[] WithoutChecksums(byte[] trace) => Replace(trace, "faultrec.checksums", "somebody.checksums");

    private static byte[] WithoutGuard(byte[] trace)
    {
        byte[] changed = [.. trace];
        var footerLength = BitConverter.ToInt32(changed, changed.Length - 8);
        changed.AsSpan(changed.Length - 8 - footerLength - 16, 16).Clear();
        return changed;
    }
}
