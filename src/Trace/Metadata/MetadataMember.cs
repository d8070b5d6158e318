namespace Faultrec.Traces.Metadata;

/// <summary>A member of the objects in a metadata key's JSON.</summary>
internal sealed class MetadataMember
{
    public MetadataMember(string name, RedactionRule redaction) => (Name, Redaction) = (name, redaction);

    /// <param name="members">Of the objects that it holds, which say what becomes of them.</param>
    public MetadataMember(string name, IReadOnlyList<MetadataMember> members) => (Name, Members) = (name, members);

    public string Name { get; }

    /// <summary>Null: see <see cref="Members"/>.</summary>
    public RedactionRule? Redaction { get; }

    public IReadOnlyList<MetadataMember> Members { get; } = [];
}
