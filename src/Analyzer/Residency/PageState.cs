namespace Faultrec.Analyzer.Residency;

/// <summary>
/// What the account knows of a page, as the number that <see cref="PageStates"/> keeps of it. 0: never resident. Positive: resident, and whose.
/// Negative: given back, and where.
/// </summary>
internal static class PageState
{
    /// <summary>Given back lazily (MADV_FREE): resident until the kernel takes it.</summary>
    public const int LazilyFreed = 1 << 29;

    private const int New = 1 << 28;
    private const int OwnerMask = New - 1;

    /// <param name="owner">Index of <see cref="PageBooks.Owners"/>.</param>
    /// <param name="isNew">It became resident within the window.</param>
    public static int Resident(int owner, bool isNew) => (owner + 1) | (isNew ? New : 0);

    /// <param name="site">Index of <see cref="PageBooks.Sites"/>.</param>
    public static int GivenBack(int site) => -1 - site;

    public static bool IsResident(int state) => state > 0;

    public static bool IsGivenBack(int state) => state < 0;

    /// <summary>Of a resident page.</summary>
    public static int OwnerIn(int state) => (state & OwnerMask) - 1;

    /// <summary>Of a page that was given back.</summary>
    public static int SiteIn(int state) => -1 - state;

    public static bool IsNew(int state) => (state & New) != 0;

    public static bool IsLazilyFreed(int state) => (state & LazilyFreed) != 0;

    public static int WithOwner(int state, int owner) => (state & ~OwnerMask) | (owner + 1);
}
