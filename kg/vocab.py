"""Our terms as a closed namespace, the terms we borrow, and the prefixes that every query and serialisation shares.

``OSAI`` equals ``ontology/osai.ttl`` term by term (a test compares them): a term that the ontology does not declare is
an AttributeError here, not a silent new IRI.
"""

from __future__ import annotations

from rdflib import DCAT, DCTERMS, FOAF, OWL, PROV, QB, RDF, RDFS, SH, SKOS, VOID, URIRef
from rdflib.namespace import DefinedNamespace, Namespace

ONTOLOGY = URIRef("https://w3id.org/osai-kg/ontology")


class OSAI(DefinedNamespace):
    """The vocabulary of open source AI."""

    _fail = True
    _NS = Namespace("https://w3id.org/osai-kg/ontology#")

    # Classes
    AcademicInstitution: URIRef
    Acceptance: URIRef
    Affiliation: URIRef
    Agent: URIRef
    Archival: URIRef
    Artefact: URIRef
    Assessment: URIRef
    BoardSeat: URIRef
    BoundedFinding: URIRef
    Company: URIRef
    ComparativeFinding: URIRef
    ComputedFinding: URIRef
    ContestedFinding: URIRef
    ContributionObservation: URIRef
    CurrentSituation: URIRef
    Dataset: URIRef
    DirectionalFinding: URIRef
    Document: URIRef
    Donation: URIRef
    Economy: URIRef
    EconomyObservation: URIRef
    Endeavour: URIRef
    Finding: URIRef
    FindingComputation: URIRef
    Fork: URIRef
    Foundation: URIRef
    FoundationFormation: URIRef
    FoundationHostedProject: URIRef
    Framework: URIRef
    GarbledStatement: URIRef
    GovernanceEvent: URIRef
    GoverningBody: URIRef
    GoverningBodyChange: URIRef
    Happening: URIRef
    HealthcareProvider: URIRef
    InformalCommunity: URIRef
    InformationContent: URIRef
    Licence: URIRef
    LicenceChange: URIRef
    LicenceException: URIRef
    Licensing: URIRef
    LoadActivity: URIRef
    MaturityChange: URIRef
    MaturityStanding: URIRef
    Measure: URIRef
    Membership: URIRef
    MembershipChange: URIRef
    MembershipJoin: URIRef
    MembershipLeave: URIRef
    Model: URIRef
    ModelComponent: URIRef
    MonetaryFinding: URIRef
    MultiVendorBody: URIRef
    MultiplierFinding: URIRef
    NewsItem: URIRef
    NonProfitOrganization: URIRef
    OpenSourceAIProject: URIRef
    OpenSourceProject: URIRef
    OpinionFinding: URIRef
    Organization: URIRef
    OrganizationChange: URIRef
    OrganizationUnit: URIRef
    Person: URIRef
    PolicyDocument: URIRef
    Population: URIRef
    Project: URIRef
    ProjectProposal: URIRef
    ProjectRelease: URIRef
    ProjectionFinding: URIRef
    PublicBody: URIRef
    Publishing: URIRef
    QualitativeFinding: URIRef
    QuantitativeFinding: URIRef
    Record: URIRef
    RelativeChangeFinding: URIRef
    Report: URIRef
    Repository: URIRef
    ResearchFacility: URIRef
    ScholarlyWork: URIRef
    ShareFinding: URIRef
    SingleVendorProject: URIRef
    Situation: URIRef
    Software: URIRef
    SpinOut: URIRef
    Sponsorship: URIRef
    StandardsBody: URIRef
    Statement: URIRef
    Stewardship: URIRef
    Study: URIRef
    Survey: URIRef
    SurveyFinding: URIRef
    TextSpan: URIRef
    Transfer: URIRef
    TransferredProject: URIRef
    UmbrellaFoundation: URIRef
    VendorNeutralProject: URIRef

    # Properties
    aboutMeasure: URIRef
    aboutThing: URIRef
    affiliated: URIRef
    affiliatedWith: URIRef
    afterEvent: URIRef
    asOf: URIRef
    assessedDimension: URIRef
    assesses: URIRef
    attributesTo: URIRef
    authorCount: URIRef
    authoredBy: URIRef
    bearsOn: URIRef
    botCommitCount: URIRef
    boundKind: URIRef
    byteSize: URIRef
    citesDocument: URIRef
    claim: URIRef
    columnName: URIRef
    commissionedBy: URIRef
    commitCount: URIRef
    comparesWith: URIRef
    componentKind: URIRef
    concernsOrganization: URIRef
    concernsProject: URIRef
    contentSha256: URIRef
    contradicts: URIRef
    contributorRole: URIRef
    correctedReading: URIRef
    currentHost: URIRef
    currentSeatHolder: URIRef
    dateText: URIRef
    dependsOn: URIRef
    derivedFromModel: URIRef
    direction: URIRef
    displayValue: URIRef
    earliestEnd: URIRef
    earliestStart: URIRef
    edition: URIRef
    emailDomain: URIRef
    endOffset: URIRef
    epistemicMode: URIRef
    everMemberOf: URIRef
    everSeatHolder: URIRef
    everStewardOf: URIRef
    everStewardedBy: URIRef
    evidenceGrade: URIRef
    exactQuote: URIRef
    expressedBy: URIRef
    expresses: URIRef
    fidelity: URIRef
    findingAbout: URIRef
    forkedFrom: URIRef
    foundedYear: URIRef
    fromAgent: URIRef
    fromStage: URIRef
    fsfLibre: URIRef
    gives: URIRef
    governedBy: URIRef
    governs: URIRef
    grade: URIRef
    gridId: URIRef
    hasComponent: URIRef
    hasEvidence: URIRef
    hasMembership: URIRef
    hasParticipant: URIRef
    hasRepository: URIRef
    hasSeat: URIRef
    hasSituation: URIRef
    hasSubOrganization: URIRef
    historyCommit: URIRef
    holdsFile: URIRef
    holdsStewardship: URIRef
    homepage: URIRef
    inCountry: URIRef
    inDocument: URIRef
    inGeography: URIRef
    inSector: URIRef
    initiatedBy: URIRef
    initiates: URIRef
    internallyLandedCommitCount: URIRef
    isni: URIRef
    judgedBy: URIRef
    knownBy: URIRef
    latestEnd: URIRef
    latestStart: URIRef
    licenceName: URIRef
    licensedUnder: URIRef
    locator: URIRef
    lowerValue: URIRef
    member: URIRef
    membershipIn: URIRef
    membershipLevel: URIRef
    modelArchitecture: URIRef
    modelRepository: URIRef
    modelType: URIRef
    name: URIRef
    newAuthorCount: URIRef
    obsContributorGroup: URIRef
    obsCount: URIRef
    obsEconomy: URIRef
    obsMeasure: URIRef
    obsMonth: URIRef
    obsOrganization: URIRef
    obsPeriod: URIRef
    obsProject: URIRef
    ofArtefact: URIRef
    ofProject: URIRef
    ontologyVersion: URIRef
    originName: URIRef
    osiApproved: URIRef
    overPopulation: URIRef
    partOfEvent: URIRef
    participatesIn: URIRef
    possibleHost: URIRef
    producedBy: URIRef
    produces: URIRef
    publishedBy: URIRef
    quotePrefix: URIRef
    quoteSuffix: URIRef
    refines: URIRef
    relays: URIRef
    relaysAtAnyDepth: URIRef
    releasedBy: URIRef
    reportedIn: URIRef
    repositoryUrl: URIRef
    requestedStage: URIRef
    roleName: URIRef
    rorId: URIRef
    rowCount: URIRef
    sourceKey: URIRef
    sourceName: URIRef
    spanSha256: URIRef
    spdxDeprecated: URIRef
    spdxId: URIRef
    spokenBy: URIRef
    sponsor: URIRef
    sponsored: URIRef
    sponsorshipLevel: URIRef
    standsAt: URIRef
    startOffset: URIRef
    statedLicence: URIRef
    steward: URIRef
    stewardRole: URIRef
    studyGroup: URIRef
    subOrganizationOf: URIRef
    subPopulationOf: URIRef
    subjectOfEvent: URIRef
    succeededBy: URIRef
    supports: URIRef
    terminatedBy: URIRef
    terminates: URIRef
    toAgent: URIRef
    toStage: URIRef
    underLicence: URIRef
    underUmbrellaOf: URIRef
    unitCode: URIRef
    upperValue: URIRef
    value: URIRef
    wikidataId: URIRef
    withinOrganization: URIRef
    yieldedBy: URIRef
    yields: URIRef


PREFIXES = {
    "osai": str(OSAI._NS),
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dcterms": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "void": "http://rdfs.org/ns/void#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "qb": "http://purl.org/linked-data/cube#",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "sh": "http://www.w3.org/ns/shacl#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "schema": "https://schema.org/",
    "spex": "https://purl.expasy.org/sparql-examples/ontology#",
    "vann": "http://purl.org/vocab/vann/",
    "xkos": "http://rdf-vocabulary.ddialliance.org/xkos#",
}

# rdflib closes none of these namespaces, so their few terms are spelled here.
_SCHEMA = Namespace(PREFIXES["schema"])
_SPEX = Namespace(PREFIXES["spex"])
_XKOS = Namespace(PREFIXES["xkos"])

# The predicates of others that may stand in data as they are. Every predicate in data is one of these or in OSAI; the
# axioms of the ontology and of the shapes files are no data.
BORROWED: frozenset[URIRef] = frozenset(
    {
        RDF.type,
        # Labels and notes
        RDFS.comment,
        RDFS.isDefinedBy,
        RDFS.label,
        RDFS.seeAlso,
        SKOS.altLabel,
        SKOS.changeNote,
        SKOS.definition,
        SKOS.editorialNote,
        SKOS.example,
        SKOS.hiddenLabel,
        SKOS.historyNote,
        SKOS.notation,
        SKOS.note,
        SKOS.prefLabel,
        SKOS.scopeNote,
        # Concepts and their relations
        SKOS.broadMatch,
        SKOS.broader,
        SKOS.closeMatch,
        SKOS.exactMatch,
        SKOS.hasTopConcept,
        SKOS.inScheme,
        SKOS.member,
        SKOS.narrowMatch,
        SKOS.narrower,
        SKOS.related,
        SKOS.relatedMatch,
        SKOS.topConceptOf,
        _XKOS.depth,
        _XKOS.numberOfLevels,
        # What a thing is elsewhere, and what became of it
        FOAF.homepage,
        OWL.deprecated,
        OWL.sameAs,
        OWL.versionInfo,
        DCTERMS.isReplacedBy,
        _SCHEMA.isicV4,
        _SCHEMA.sameAs,
        # About documents, data sets and graphs
        DCTERMS.conformsTo,
        DCTERMS.creator,
        DCTERMS.date,
        DCTERMS.description,
        DCTERMS.format,
        DCTERMS.hasPart,
        DCTERMS.hasVersion,
        DCTERMS.identifier,
        DCTERMS.isPartOf,
        DCTERMS.issued,
        DCTERMS.language,
        DCTERMS.license,
        DCTERMS.modified,
        DCTERMS.publisher,
        DCTERMS.rights,
        DCTERMS.source,
        DCTERMS.subject,
        DCTERMS.temporal,
        DCTERMS.title,
        # Where it comes from
        PROV.agent,
        PROV.atLocation,
        PROV.generated,
        PROV.hadPlan,
        PROV.hadPrimarySource,
        PROV.hadRole,
        PROV.invalidatedAtTime,
        PROV.qualifiedAssociation,
        PROV.qualifiedDerivation,
        PROV.qualifiedGeneration,
        PROV.qualifiedUsage,
        PROV.used,
        PROV.value,
        PROV.wasAssociatedWith,
        PROV.wasAttributedTo,
        PROV.wasDerivedFrom,
        PROV.wasGeneratedBy,
        PROV.wasQuotedFrom,
        PROV.wasRevisionOf,
        # The data set, its parts and its sizes
        DCAT.accessURL,
        DCAT.byteSize,
        DCAT.dataset,
        DCAT.distribution,
        DCAT.downloadURL,
        DCAT.endpointDescription,
        DCAT.endpointURL,
        DCAT.keyword,
        DCAT.landingPage,
        DCAT.mediaType,
        DCAT.servesDataset,
        DCAT.theme,
        VOID.classPartition,
        VOID.classes,
        VOID.dataDump,
        VOID.distinctObjects,
        VOID.distinctSubjects,
        VOID.documents,
        VOID.entities,
        VOID.exampleResource,
        VOID.feature,
        VOID.inDataset,
        VOID.linkPredicate,
        VOID.objectsTarget,
        VOID.properties,
        VOID.propertyPartition,
        VOID.rootResource,
        VOID.sparqlEndpoint,
        VOID.subjectsTarget,
        VOID.subset,
        VOID.triples,
        VOID.uriLookupEndpoint,
        VOID.uriRegexPattern,
        VOID.uriSpace,
        VOID.vocabulary,
        VOID["class"],  # a word that Python keeps for itself
        VOID.property,
        # The cube of contributions
        QB.attribute,
        QB.component,
        QB.componentAttachment,
        QB.componentProperty,
        QB.componentRequired,
        QB.dataSet,
        QB.dimension,
        QB.measure,
        QB.measureType,
        QB.observation,
        QB.observationGroup,
        QB.order,
        QB.slice,
        QB.sliceKey,
        QB.sliceStructure,
        QB.structure,
        # Queries as data, and reports of validation
        SH.ask,
        SH.conforms,
        SH.construct,
        SH.declare,
        SH.detail,
        SH.focusNode,
        SH.namespace,
        SH.prefix,
        SH.prefixes,
        SH.result,
        SH.resultMessage,
        SH.resultPath,
        SH.resultSeverity,
        SH.select,
        SH.sourceConstraint,
        SH.sourceConstraintComponent,
        SH.sourceShape,
        SH.value,
        _SCHEMA.keywords,
        _SCHEMA.target,
        _SPEX.federatesWith,
    }
)
