using System.Globalization;

namespace Faultrec.Recorder.Probes;

/// <summary>Chooses what share of the faults to record, so that no more than a given number per second become records.</summary>
/// <param name="ratePerSecond">Most records per second, measured between two calls.</param>
/// <param name="leastEvery">One fault in so many is recorded even if there are few.</param>
public sealed class RateGuard(long ratePerSecond, int leastEvery, Action<string>? onNotice)
{
    /// <summary>The weight of a record has 16 bits.</summary>
    public const int MaxEvery = ushort.MaxValue;

    /// <summary>A rate measured over a shorter time says little.</summary>
    private const long MinIntervalNs = 10_000_000;

    private long _lastNs;
    private long _lastSeen;
    private uint _every = (uint)leastEvery;
    private bool _hasTold;

    /// <param name="seen">Faults that the probes have seen so far, recorded or not.</param>
    /// <returns>From now on one fault in so many is to be recorded.</returns>
    public uint Every(long nowNs, long seen)
    {
        if (_lastNs == 0)
            (_lastNs, _lastSeen) = (nowNs, seen);
        if (nowNs - _lastNs < MinIntervalNs)
            return _every;
        var perSecond = (seen - _lastSeen) * 1e9 / (nowNs - _lastNs);
        (_lastNs, _lastSeen) = (nowNs, seen);
        _every = (uint)Math.Clamp(Math.Ceiling(perSecond / ratePerSecond), leastEvery, MaxEvery);
        if (_every > leastEvery && !_hasTold)
        {
            _hasTold = true;
            onNotice?.Invoke(string.Create(
                CultureInfo.InvariantCulture,
                $"{perSecond:#,0} faults/s exceed --max-rate {ratePerSecond:#,0}: recording one in {_every} while that lasts; counts become estimates"));
        }

        return _every;
    }
}
