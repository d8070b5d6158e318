namespace Faultrec.Analyzer.Measures;

/// <summary>
/// How many faults each row of a batch stands for. The implementations are structs, so that the loops over a trace that is not
/// sampled are compiled without the multiplications.
/// </summary>
internal interface IRowWeights
{
    int Of(int row);
}

internal readonly struct OneEach : IRowWeights
{
    public int Of(int row) => 1;
}

/// <param name="weights">The column; values below 1 in a damaged file count as 1.</param>
internal readonly struct SampledWeights(int[] weights) : IRowWeights
{
    public int Of(int row) => Math.Max(weights[row], 1);
}
