namespace Faultrec.Testing;

/// <summary>How much the slowest tests try: a part of it by default, for whoever waits for them, and all of it with FAULTREC_FULL=1, as in CI.</summary>
internal static class Effort
{
    /// <param name="full">So many inputs or repetitions with FAULTREC_FULL=1.</param>
    /// <param name="brief">So many otherwise; the assertions are the same.</param>
    public static int Of(int full, int brief) => Environment.GetEnvironmentVariable("FAULTREC_FULL") == "1" ? full : brief;
}
